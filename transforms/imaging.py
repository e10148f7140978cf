"""Encoded bytes to upright pixels, and back to a thumbnail. Nothing here knows of Beam.

Format and size are read from the header (of a JPEG from its markers, else by Pillow with an
allow-list of formats) before any pixel is decoded (OpenCV), so that no more memory is spent than
the limits allow.
"""

import hashlib
import io
import re
import struct
import warnings
from contextlib import suppress

import cv2
import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import TiffImageFile

from schemas.errors import Code, Detail, RejectedError
from schemas.records import UInt8Image
from transforms.jpeg_headers import JPEG_END, JPEG_START, JpegHeader, jpeg_header
from transforms.tiff_headers import fault_of, is_whole, tiff_tags
from transforms.webp_headers import with_plain_exif

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
# Told apart from rubbish, so that the record can say what to convert.
_OTHER_FORMATS = ("GIF", "JPEG2000", "ICO", "PSD", "PPM")
_ISO_MEDIA = b"ftyp"  # HEIC and AVIF, at byte 4
_SIGNATURES = re.compile(
    rb"\xff\xd8\xff | \x89PNG\r\n\x1a\n | RIFF....WEBP | BM | II[*+]\0 | MM\0[*+]",
    re.DOTALL | re.VERBOSE,
)
_BMP_START, _TIFF_STARTS, _RIFF = b"BM", (b"II", b"MM"), b"RIFF"

# What Pillow's parsers raise on a header that is cut, or is none.
_BROKEN = (OSError, SyntaxError, ValueError, IndexError, TypeError, struct.error)
_FILLERS = (b"", b"\x5a" * 64)
# OpenCV has no names for RGB reduced. Of a JPEG, only the pixels that are left are computed.
_READ_RGB = {
    reduction: flags & ~cv2.IMREAD_COLOR_BGR | cv2.IMREAD_COLOR_RGB
    for reduction, flags in {
        1: cv2.IMREAD_COLOR_BGR,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }.items()
}
_NO_JPEG = JpegHeader(None, 1)
# Each scan of a JPEG goes over all pixels, so that a small one can ask for hours; encoders make ten
# at most.
_MAX_SCANS = 12

THUMBNAIL_MARGIN = 0.25
THUMBNAIL_PX = 256
THUMBNAIL_QUALITY = 90

# OpenCV's own limit and log would speak before ours; a broken image is data here, not news.
Image.MAX_IMAGE_PIXELS = None
# Of a text or a colour profile, decompressed: those of printers have megabytes.
PngImagePlugin.MAX_TEXT_CHUNK = 16 << 20
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
warnings.filterwarnings("ignore", module=r"PIL\.")


def checked_size(encoded: bytes, max_pixels: int) -> tuple[int, int]:
    """Gives width and height, as stored. Raises RejectedError(INVALID_IMAGE)."""
    header = jpeg_header(encoded) if encoded.startswith(JPEG_START) else _NO_JPEG
    if not header.is_decodable:
        raise RejectedError(Code.INVALID_IMAGE, Detail.FORMAT_NOT_SUPPORTED)
    # To open a JPEG of 250x250 with Pillow for its size takes a fifth of the time of decoding it.
    width, height = header.size or _size(encoded, max_pixels)
    pixels = width * height
    if pixels > max_pixels or header.scans * pixels > _MAX_SCANS * max_pixels:
        raise RejectedError(Code.INVALID_IMAGE, Detail.TOO_MANY_PIXELS)
    return width, height


def decode(encoded: bytes, reduction: int = 1) -> UInt8Image:
    """Gives (height, width, 3) uint8 RGB, upright, of an image whose size was checked.

    reduction: of a JPEG, 1, 2, 4 or 8: its sides are divided by that and rounded up, but for a
    lossless one. Raises RejectedError(INVALID_IMAGE).
    """
    if encoded.startswith(_RIFF):
        encoded = with_plain_exif(encoded)
    rgb = _rgb(encoded, reduction)
    if rgb is None and encoded.startswith(JPEG_START):
        body = encoded.removesuffix(JPEG_END[:1])
        rgb = _rgb(body + JPEG_END, reduction) if _lacks_only_its_end(body) else None
    if rgb is None:  # the header was whole
        raise RejectedError(Code.INVALID_IMAGE, _undecoded(encoded))
    return rgb


def _rgb(encoded: bytes, reduction: int) -> UInt8Image | None:
    try:
        decoded = cv2.imdecode(np.frombuffer(encoded, dtype=np.uint8), _READ_RGB[reduction])
    except cv2.error:
        return None
    return None if decoded is None else np.asarray(decoded, dtype=np.uint8)


def _undecoded(encoded: bytes) -> str:
    """Gives the detail for an image that OpenCV does not decode.

    Pillow knows TIFFs that OpenCV does not, as those compressed with LZMA: to copy them once more
    would not help. Of other formats it lets pass what is cut.
    """
    if encoded.startswith(_TIFF_STARTS) and _is_whole(encoded):
        with suppress(*_BROKEN):
            _digest(encoded)
            return Detail.FORMAT_NOT_SUPPORTED
    return Detail.TRUNCATED


def _is_whole(encoded: bytes) -> bool:
    """True for a BMP or a TIFF of which no byte is missing, as far as it tells."""
    if encoded.startswith(_BMP_START):
        return int.from_bytes(encoded[2:6], "little") <= len(encoded)
    if not encoded.startswith(_TIFF_STARTS):
        return False
    try:
        return is_whole(tiff_tags(encoded), len(encoded))
    except _BROKEN:
        return False


def _lacks_only_its_end(jpeg: bytes) -> bool:
    """True where the whole picture is there.

    With its end marker put back, a picture that lacks more than that is decoded as well, the rest
    made up from what stands before the marker: what stands there must not matter.
    """
    try:
        pictures = {_digest(jpeg + filler + JPEG_END) for filler in _FILLERS}
    except _BROKEN:
        return False
    return len(pictures) == 1


def _digest(encoded: bytes) -> bytes:
    """Gives the SHA-256 of the pixels. Pillow's decoder, unlike OpenCV's, does not log."""
    with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
        return hashlib.sha256(image.tobytes()).digest()


def _size(encoded: bytes, max_pixels: int) -> tuple[int, int]:
    """Gives width and height from the header of an allowed format."""
    detail: str | None = None
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            if isinstance(image, TiffImageFile):
                detail = fault_of(image.tag_v2, len(encoded), max_pixels)
            if detail is None:
                return image.size
    except UnidentifiedImageError:
        detail = _unidentified(encoded)
    except _BROKEN:
        detail = Detail.TRUNCATED
    raise RejectedError(Code.INVALID_IMAGE, detail)


def _unidentified(encoded: bytes) -> str:
    """Gives the detail for what Pillow does not know as one of ours."""
    if _SIGNATURES.match(encoded):
        return Detail.FORMAT_NOT_SUPPORTED if _is_whole(encoded) else Detail.TRUNCATED
    if encoded[4:8] == _ISO_MEDIA:
        return Detail.FORMAT_NOT_SUPPORTED
    try:
        with Image.open(io.BytesIO(encoded), formats=_OTHER_FORMATS):
            return Detail.FORMAT_NOT_SUPPORTED
    except _BROKEN:
        return Detail.NOT_AN_IMAGE


def is_turned(encoded: bytes) -> bool:
    """True where EXIF tells that the picture is stored turned or mirrored, or is broken."""
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            return image.getexif().get(Base.Orientation, 1) != 1
    except _BROKEN:
        return True


def thumbnail(pixels: UInt8Image, box: tuple[float, float, float, float]) -> bytes:
    """Gives the face with a 25 % margin as a JPEG of at most 256 px. pixels: RGB.

    box: x1, y1, x2, y2 in pixels; what lies outside the image is cut off.
    """
    face = with_margin(pixels, box)
    scale = THUMBNAIL_PX / max(face.shape[:2])
    if scale < 1.0:
        smaller = (max(1, round(face.shape[1] * scale)), max(1, round(face.shape[0] * scale)))
        face = np.asarray(cv2.resize(face, smaller, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(face, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY]
    )
    return encoded.tobytes()


def with_margin(pixels: UInt8Image, box: tuple[float, float, float, float]) -> UInt8Image:
    """Gives the part of the pixels that a thumbnail shows, at least one of them."""
    x1, y1, x2, y2 = box
    margin_x, margin_y = (x2 - x1) * THUMBNAIL_MARGIN, (y2 - y1) * THUMBNAIL_MARGIN
    height, width = pixels.shape[:2]
    left, top = max(0, int(x1 - margin_x)), max(0, int(y1 - margin_y))
    right, bottom = min(width, round(x2 + margin_x)), min(height, round(y2 + margin_y))
    return pixels[top : max(bottom, top + 1), left : max(right, left + 1)]
