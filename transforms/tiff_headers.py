"""What the tags of a TIFF tell, without decoding it. Source: TIFF 6.0, sections 8 and 15."""

import io
import math
from collections.abc import Mapping
from typing import Any

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from schemas.errors import Detail

Tags = Mapping[int, Any]

_KIND, _FURTHER = 254, 330
_SMALLER = 1  # a bit of the kind: of a larger version in the same file
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_ORIENTATION, _PLANES, _TILE_WIDTH, _TILE_HEIGHT = 274, 284, 322, 323
_SEPARATE = 2  # of planes: each colour has strips of its own
_TURNED = frozenset({2, 3, 6, 7})
_BIG = 43  # in place of 42: offsets of 8 bytes, in a longer header


def tiff_tags(encoded: bytes) -> Tags:
    """Gives those of the first picture. Raises at damage what Pillow raises."""
    header = encoded[: 16 if encoded[2:3] == bytes([_BIG]) else 8]
    tags = ImageFileDirectory_v2(header)
    file = io.BytesIO(encoded)
    file.seek(tags.next)
    tags.load(file)
    return tags


def fault_of(tags: Tags, length: int, max_pixels: int) -> str | None:
    """Gives the detail for a TIFF of this length that would be decoded wrongly, or into too much.

    OpenCV passes over colours that are missing, and turns each tile in its place. A decoder holds
    a whole tile, however small the picture is. Of a camera's raw file, the first picture is a
    preview some hundred pixels wide.
    """
    if any(each & _SMALLER for each in _numbers(tags, _KIND)) and _FURTHER in tags:
        return Detail.FORMAT_NOT_SUPPORTED
    if _SEPARATE in _numbers(tags, _PLANES) and not is_whole(tags, length):
        return Detail.TRUNCATED
    sides = _numbers(tags, _TILE_WIDTH) + _numbers(tags, _TILE_HEIGHT)
    if sides and math.prod(sides) > max_pixels:
        return Detail.TOO_MANY_PIXELS
    several = len(_numbers(tags, _TILES)) > 1
    if several and _TURNED.intersection(_numbers(tags, _ORIENTATION)):
        return Detail.FORMAT_NOT_SUPPORTED
    return None


def is_whole(tags: Tags, length: int) -> bool:
    """True where all strips and tiles lie within a file of this length."""
    ends = [
        offset + size
        for starts, sizes in ((_STRIPS, _STRIP_BYTES), (_TILES, _TILE_BYTES))
        for offset, size in zip(_numbers(tags, starts), _numbers(tags, sizes), strict=False)
    ]
    return bool(ends) and max(ends) <= length


def _numbers(tags: Tags, tag: int) -> list[int]:
    """Gives the tag's integers: whatever stands in a file may stand here."""
    value = tags.get(tag, ())
    return [each for each in (value if isinstance(value, tuple) else [value]) if type(each) is int]
