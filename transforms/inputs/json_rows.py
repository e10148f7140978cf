"""The strict parser of one JSON text: a line, or one person of a body."""

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
    value = parse_json(line)
    if not isinstance(value, dict):
        raise RejectedError(Code.UNPROCESSABLE_CONTENT, Detail.NOT_JSON)
    return value


def parse_json(text: bytes) -> Any:
    """Gives the value. Raises RejectedError(UNPROCESSABLE_CONTENT, not_json, too_deep)."""
    if _is_deep(text):
        raise RejectedError(Code.UNPROCESSABLE_CONTENT, Detail.TOO_DEEP)
    try:
        return _DECODER.decode(text.decode())
    except (ValueError, RecursionError) as error:
        raise RejectedError(Code.UNPROCESSABLE_CONTENT, Detail.NOT_JSON) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else RepeatedKeys(pairs)


def _integer(digits: str) -> int | float:
    """Gives the number; one of thousands of digits, which Python will not read, is infinite."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=_integer
)


def _is_deep(line: bytes) -> bool:
    """True where brackets nest deeper than MAX_DEPTH, those within strings apart."""
    if not (_has_many(b"[", line) or _has_many(b"{", line)):
        return False
    depth = 0
    for byte in _NO_BRACKETS.sub(b"", line):
        depth += (byte in b"[{") - (byte in b"]}")
        if depth > MAX_DEPTH:
            return True
    return False


def _has_many(bracket: bytes, line: bytes) -> bool:
    """True where there are more than half of MAX_DEPTH. Faster than counting: most have a few."""
    at = -1
    for _ in range(MAX_DEPTH // 2 + 1):
        at = line.find(bracket, at + 1)
        if at < 0:
            return False
    return True
