"""What the markers of a JPEG tell, without decoding it. Source: ITU-T T.81, annex B."""

import re
import struct
from dataclasses import dataclass

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"

# A marker that ends the picture or is followed by its segment's length; others stand alone.
_SEGMENT = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]", re.DOTALL)
_SCAN = 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}  # that one of JPEG-LS
_DECODABLE = (0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA)  # by OpenCV; others are hierarchical and rarer
_SEQUENTIAL = (0xC0, 0xC1)  # baseline and extended: a scan holds its components whole
_FRAME = struct.Struct(">HBHHB")  # length, bits a sample, height, width, components


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """size: width and height as stored; None where they are not told plainly, once.

    scans: how often a decoder goes over the pixels. is_decodable: False for a kind of JPEG that
    OpenCV does not know, as one of 12 bits a sample.
    """

    size: tuple[int, int] | None
    scans: int
    is_decodable: bool = True


def jpeg_header(encoded: bytes) -> JpegHeader:
    """Gives what stands in the markers up to the picture's end, or to a scan that holds all of it.

    encoded: what begins with JPEG_START. What follows the picture, as the film of a phone's moving
    photo, is not looked at.
    """
    frames: list[int] = []
    scans, at = 0, len(JPEG_START) - 1
    while (found := _SEGMENT.search(encoded, at)) and encoded[found.end() - 1] != JPEG_END[1]:
        at = found.end()
        marker = encoded[at - 1]
        if marker == _SCAN:
            scans += 1
            if scans == 1 and _has_all(encoded, at, frames):
                break
        elif marker in _FRAMES:
            frames.append(at)
        at += int.from_bytes(encoded[at : at + 2], "big")
    if len(frames) != 1:
        return JpegHeader(None, scans)
    return JpegHeader(_size(encoded, frames[0]), scans, _is_decodable(encoded, frames[0]))


def _is_decodable(encoded: bytes, frame: int) -> bool:
    return encoded[frame - 1] in _DECODABLE and encoded[frame + 2 : frame + 3] in (b"\x08", b"")


def _has_all(encoded: bytes, scan: int, frames: list[int]) -> bool:
    """True where a decoder goes over the pixels in the first scan, and in no other.

    To look for the picture's end would take 3 % of the time of decoding it.
    """
    if len(frames) != 1 or encoded[frames[0] - 1] not in _SEQUENTIAL:
        return False
    number, of = scan + 2, frames[0] + _FRAME.size - 1  # of components
    return encoded[number : number + 1] >= encoded[of : of + 1]


def _size(encoded: bytes, frame: int) -> tuple[int, int] | None:
    if frame + _FRAME.size > len(encoded):
        return None
    length, bits, height, width, components = _FRAME.unpack_from(encoded, frame)
    plain = bits == 8 and components in (1, 3) and length == _FRAME.size + 3 * components
    return (width, height) if plain and width and height else None
