"""The Base64 of `face_base_64`, in the spellings that exports use."""

import re

import pybase64

from schemas.errors import Code, Detail, RejectedError

_DATA_PREFIX = re.compile(r"[\r\n]*data:[^,]{0,100};base64,", re.IGNORECASE)
_LINE_BREAKS = str.maketrans("", "", "\r\n")
_URL_SAFE = str.maketrans("-_", "+/")


def decode_base64(text: str, max_bytes: int) -> bytes:
    """Gives the bytes of plain or URL-safe Base64, padded or not, broken into lines or not.

    Raises RejectedError(INVALID_IMAGE) with `base64` or, before decoding, `too_many_bytes`.
    """
    if prefix := _DATA_PREFIX.match(text):
        text = text[prefix.end() :]
    if "\n" in text or "\r" in text:
        text = text.translate(_LINE_BREAKS)
    if len(text) // 4 * 3 - 2 > max_bytes:
        raise RejectedError(Code.INVALID_IMAGE, Detail.TOO_MANY_BYTES)
    if "-" in text or "_" in text:
        text = text.translate(_URL_SAFE)
    try:
        return pybase64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise RejectedError(Code.INVALID_IMAGE, Detail.BASE64) from error
