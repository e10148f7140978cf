"""A person's metadata: strings to strings, the same from any input form."""

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from schemas.errors import Code, RejectedError
from schemas.inputs import METADATA
from transforms.inputs.json_rows import RepeatedKeys


def parse_metadata(value: Any) -> dict[str, str]:
    """Gives the pairs in key order. Scalars become JSON text, dates ISO 8601, nulls go.

    value: None, a dict (JSON object, Parquet struct) or a tuple of pairs (Parquet map). Raises
    RejectedError(UNPROCESSABLE_CONTENT, metadata) for nesting and for a key that stands twice.
    """
    if value is None:
        return {}
    pairs = list(_pairs(value))
    if len({key for key, _ in pairs if is_text(key)}) != len(pairs):
        raise _rejected()
    return dict(sorted((key, _text(each)) for key, each in pairs if each is not None))


def is_text(value: object) -> bool:
    """True for a string that UTF-8 can hold (lone surrogates are none)."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_text(name: str) -> str:
    """Gives the name with what UTF-8 cannot hold replaced: no runner and no report takes it."""
    return name.encode(errors="replace").decode()


def _pairs(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping) and not isinstance(value, RepeatedKeys):
        return value.items()
    if isinstance(value, tuple):
        return value
    raise _rejected()


def _text(value: Any) -> str:
    match value:
        case str() if is_text(value):
            return value
        case float() if math.isfinite(value):
            return json.dumps(value)
        case bool() | int():
            return json.dumps(value)
        case Decimal() if value.is_finite():
            return _number(value)
        case date() | time():  # a datetime is a date
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            raise _rejected()


def _number(value: Decimal) -> str:
    """Gives the text that JSON has for the number, where a float can hold it.

    What has no decimal places is an integer, as many databases write theirs.
    """
    if "." not in (text := f"{value:f}"):
        return text
    text = json.dumps(float(value))
    return text if Decimal(text) == value else str(value)


def _rejected() -> RejectedError:
    return RejectedError(Code.UNPROCESSABLE_CONTENT, METADATA)
