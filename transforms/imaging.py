"""Encoded bytes to upright pixels, and back to a thumbnail. Nothing here knows of Beam.

Format and size are read from the header (Pillow, an allow-list of formats) before any pixel is
decoded (OpenCV), so that no more memory is spent than the limits allow.
"""

import io

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from schemas.errors import Code, Detail, RejectedError
from schemas.records import UInt8Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
# Told apart from rubbish, so that the record can say what to convert.
_OTHER_FORMATS = ("GIF", "JPEG2000", "ICO", "PSD", "PPM")
_ISO_MEDIA = b"ftyp"  # HEIC and AVIF, at byte 4

THUMBNAIL_MARGIN = 0.25
THUMBNAIL_PX = 256
THUMBNAIL_QUALITY = 90

# OpenCV's own limit and log would speak before ours; a broken image is data here, not news.
Image.MAX_IMAGE_PIXELS = None
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode(encoded: bytes, max_pixels: int) -> UInt8Image:
    """Gives (height, width, 3) uint8 RGB, upright. Raises RejectedError(INVALID_IMAGE)."""
    width, height = _size(encoded)
    if width * height > max_pixels:
        raise RejectedError(Code.INVALID_IMAGE, Detail.TOO_MANY_PIXELS)
    try:
        bgr = cv2.imdecode(np.frombuffer(encoded, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        bgr = None
    if bgr is None:  # the header was whole, what follows it is not
        raise RejectedError(Code.INVALID_IMAGE, Detail.TRUNCATED)
    return np.asarray(bgr[:, :, ::-1], dtype=np.uint8)


def _size(encoded: bytes) -> tuple[int, int]:
    """Gives width and height from the header of an allowed format."""
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            return image.size
    except UnidentifiedImageError:
        detail = Detail.FORMAT_NOT_SUPPORTED if _is_other(encoded) else Detail.NOT_AN_IMAGE
    except (OSError, SyntaxError, ValueError):  # what Pillow's parsers raise on a cut header
        detail = Detail.TRUNCATED
    raise RejectedError(Code.INVALID_IMAGE, detail)


def _is_other(encoded: bytes) -> bool:
    if encoded[4:8] == _ISO_MEDIA:
        return True
    try:
        with Image.open(io.BytesIO(encoded), formats=_OTHER_FORMATS):
            return True
    except (OSError, SyntaxError, ValueError):
        return False


def thumbnail(pixels: UInt8Image, box: tuple[float, float, float, float]) -> bytes:
    """Gives the face with a 25 % margin as a JPEG of at most 256 px. pixels: RGB.

    box: x1, y1, x2, y2 in pixels; what lies outside the image is cut off.
    """
    x1, y1, x2, y2 = box
    margin_x, margin_y = (x2 - x1) * THUMBNAIL_MARGIN, (y2 - y1) * THUMBNAIL_MARGIN
    height, width = pixels.shape[:2]
    left, top = max(0, int(x1 - margin_x)), max(0, int(y1 - margin_y))
    right, bottom = min(width, round(x2 + margin_x)), min(height, round(y2 + margin_y))
    face = pixels[top : max(bottom, top + 1), left : max(right, left + 1), ::-1]
    scale = THUMBNAIL_PX / max(face.shape[:2])
    if scale < 1.0:
        size = (max(1, round(face.shape[1] * scale)), max(1, round(face.shape[0] * scale)))
        face = np.asarray(cv2.resize(face, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, encoded = cv2.imencode(
        ".jpg", np.ascontiguousarray(face), [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY]
    )
    return encoded.tobytes()
