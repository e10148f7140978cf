"""Identities that are computed, never drawn: a second run must meet the first one's points."""

import re
from functools import lru_cache
from typing import TypeGuard
from uuid import UUID, uuid5

from schemas.errors import Code, RefusedError

POINT_NAMESPACE = UUID("173ab369-c63d-523e-88f2-9a49760cd45b")

PERSON_ID_MAX_BYTES = 512

COLLECTION_NAME_MAX = 255

_COLLECTION_NAME = re.compile(rf"[A-Za-z0-9_.-]{{1,{COLLECTION_NAME_MAX}}}")


@lru_cache(maxsize=4096)  # asked for three times a row
def point_id(person_id: str) -> str:
    """The id of a person's point in every collection.

    >>> point_id("JD1")
    'c5e18b8a-1161-5abb-a1b9-f981d19862dc'
    """
    return str(uuid5(POINT_NAMESPACE, person_id))


def is_collection_name(name: str) -> bool:
    """True for a lawful name (`.` and `..` would leave the store's folder)."""
    return _COLLECTION_NAME.fullmatch(name) is not None and name not in {".", ".."}


def check_collection_name(name: str) -> str:
    """Gives the name back, or refuses it."""
    if not is_collection_name(name):
        raise RefusedError(
            Code.INVALID_COLLECTION_NAME,
            f"collection name {name!r}: expected 1 to 255 of A-Z a-z 0-9 _ - . "
            "(and not '.' or '..' alone)",
        )
    return name


def is_person_id(value: object) -> TypeGuard[str]:
    """True for 1 to 512 UTF-8 bytes of any Unicode but U+0000 and lone surrogates."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        return 1 <= len(value.encode()) <= PERSON_ID_MAX_BYTES
    except UnicodeEncodeError:
        return False
