"""How a JSON value is written as one line."""

import json
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False)

# JSON lets them stand, but much that reads lines would end one there.
_LINE_ENDS = {each: f"\\u{each:04x}" for each in (0x85, 0x2028, 0x2029)}


def json_line(value: Any) -> str:
    r"""Gives the value's text without any line end in it.

    >>> json_line({"person_id": "a\u2028é"})
    '{"person_id": "a\\u2028é"}'
    """
    text = _ENCODER.encode(value)
    return text if text.isascii() else text.translate(_LINE_ENDS)
