"""Identities that are computed, never drawn: a second run must meet the first one's points."""

import re
from typing import TypeGuard
from uuid import UUID, uuid5

from schemas.errors import Code, RefusedError

POINT_NAMESPACE = UUID("173ab369-c63d-523e-88f2-9a49760cd45b")

PERSON_ID_MAX_BYTES = 512

_COLLECTION_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")


def point_id(person_id: str) -> str:
    """The id of a person's point in every collection.

    >>> point_id("JD1")
    'c5e18b8a-1161-5abb-a1b9-f981d19862dc'
    """
    return str(uuid5(POINT_NAMESPACE, person_id))


def check_collection_name(name: str) -> str:
    """Gives the name back, or refuses it (`.` and `..` would leave the store's folder)."""
    if not _COLLECTION_NAME.fullmatch(name) or name in {".", ".."}:
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
