"""The strict parser of one JSON line."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NoReturn

from schemas.errors import Code, Detail, RejectedError

MAX_DEPTH = 64

# Possessive, so that a long string costs neither memory nor a way back.
_NO_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[^"\[\]{}]++', re.DOTALL)


class RepeatedKeys(dict[str, Any]):
    """An object in which a key stands twice: which of the two was meant cannot be known."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        times = Counter(key for key, _ in pairs)
        self.repeated = {key for key, number in times.items() if number > 1}


def parse_row(line: bytes) -> Mapping[str, Any]:
    """Gives the line's object. Raises RejectedError(UNPROCESSABLE_CONTENT, not_json, too_deep)."""
    if _is_deep(line):
        raise RejectedError(Code.UNPROCESSABLE_CONTENT, Detail.TOO_DEEP)
    try:
        value = json.loads(
            line.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise RejectedError(Code.UNPROCESSABLE_CONTENT, Detail.NOT_JSON) from error
    if not isinstance(value, dict):
        raise RejectedError(Code.UNPROCESSABLE_CONTENT, Detail.NOT_JSON)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else RepeatedKeys(pairs)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_deep(line: bytes) -> bool:
    """True where brackets nest deeper than MAX_DEPTH, those within strings apart."""
    if line.count(b"[") + line.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for byte in _NO_BRACKETS.sub(b"", line):
        depth += (byte in b"[{") - (byte in b"]}")
        if depth > MAX_DEPTH:
            return True
    return False
