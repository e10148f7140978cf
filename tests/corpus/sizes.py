"""Headers that promise more pixels than anybody has, and small files that hold them."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from tests.corpus.case import (
    NO_FACE,
    TOO_MANY_PIXELS,
    TRUNCATED,
    Case,
    encoded,
    images,
    small_photo,
)

_HUGE = (65_535, 65_535)


def cases() -> list[Case]:
    """Gives headers alone, and bombs."""
    headers = {
        "jpeg": jpeg_of_size(*_HUGE),
        "png": png_header(*_HUGE),
        "bmp": bmp_header(*_HUGE),
        "tiff": tiff_header(*_HUGE),
        "tiff of 4294967295": tiff_header(2**32 - 1, 2**32 - 1),
        "webp, animated": webp_of_canvas(*_HUGE),
        "webp, lossless": webp_lossless(16_384, 16_384),
        "webp, lossy": webp_lossy(16_383, 16_383),
        "png of 2147483647": png_header(2**31 - 1, 2**31 - 1),
        "bmp from above": bmp_header(65_535, -65_535),
        "jpeg, one line high": jpeg_of_size(65_535, 1_000),
        "png, one pixel high": png_header(2**31 - 1, 1),
    }
    bombs = {
        "png": png_of_zeros(7_100, 7_100),
        "png, grey": png_of_zeros(9_000, 9_000, colour=0),
        "png, 16 bits": png_of_zeros(9_000, 5_600, depth=16, colour=0),
        "webp": encoded("WEBP", Image.new("RGB", (7_100, 7_100)), lossless=True, method=0),
        "tiff, deflate": tiff_of_zeros(8_000, 8_000),
    }
    return [
        *images(TOO_MANY_PIXELS, ((f"header of {k}", v) for k, v in headers.items())),
        *images(TOO_MANY_PIXELS, ((f"bomb of {k}", v) for k, v in bombs.items())),
        *images(TOO_MANY_PIXELS, [("scans without end", jpeg_of_scans(2_000))]),
        *images(TRUNCATED, [("text of a bomb", png_of_text()), ("no pixels", png_header(9, 9))]),
        *images(TRUNCATED, [("no width", png_header(0, 9)), ("no height", png_header(9, 0))]),
        *images(NO_FACE, [("one pixel", encoded("PNG", Image.new("RGB", (1, 1))))]),
        *images(NO_FACE, [("a line", encoded("PNG", Image.new("RGB", (4_000, 1))))]),
        *images(NO_FACE, [("a column", encoded("BMP", Image.new("RGB", (1, 4_000))))]),
    ]


def heavy() -> list[Case]:
    """Gives what is decoded in full: just below the limit."""
    zeros = Image.new("RGB", (7_000, 7_000))
    return images(
        NO_FACE,
        [
            ("49 million pixels, png", png_of_zeros(7_000, 7_000)),
            ("49 million pixels, png, 16 bits", png_of_zeros(7_000, 7_000, depth=16)),
            ("49 million pixels, jpeg", encoded("JPEG", zeros)),
            ("49 million pixels, progressive", encoded("JPEG", zeros, progressive=True)),
            ("49 million pixels, webp", encoded("WEBP", zeros, lossless=True, method=0)),
            ("49 million pixels, animated", webp_of_canvas(7_000, 7_000)),
            ("49 million pixels, tiff", tiff_of_zeros(7_000, 7_000)),
            ("49 million pixels, turned", encoded("JPEG", zeros, exif=_turned())),
            ("a line of a million pixels", png_of_zeros(1_000_000, 40)),
        ],
    )


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def chunk(kind: bytes, content: bytes) -> bytes:
    """Gives a chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def _png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def png_header(width: int, height: int) -> bytes:
    """Gives a PNG of that size without a single pixel."""
    return _png(width, height, chunk(b"IDAT", b""))


def png_of_zeros(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """Gives a black PNG."""
    line = bytes(1 + width * depth // 8 * (3 if colour == 2 else 1))
    pack = zlib.compressobj(1)
    data = b"".join(pack.compress(line) for _ in range(height)) + pack.flush()
    return _png(width, height, chunk(b"IDAT", data), depth=depth, colour=colour)


def png_of_text() -> bytes:
    """Gives a PNG whose comment is 20 MB long, in 20 KB."""
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000), 9))
    return _png(9, 9, text, chunk(b"IDAT", zlib.compress(bytes(28 * 9))))


def jpeg_of_size(width: int, height: int) -> bytes:
    """Gives the photo with another size in its header."""
    start = small_photo().index(b"\xff\xc0") + 5
    size = struct.pack(">HH", height, width)
    return small_photo()[:start] + size + small_photo()[start + 4 :]


def jpeg_of_scans(number: int) -> bytes:
    """Gives a progressive JPEG of 16 million pixels whose last scan comes again and again."""
    jpeg = encoded("JPEG", Image.new("L", (4_000, 4_000)), progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:last] + jpeg[last:-2] * number + jpeg[-2:]


def bmp_header(width: int, height: int) -> bytes:
    """Gives a BMP without pixels."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def tiff_header(width: int, height: int) -> bytes:
    """Gives a TIFF without pixels."""
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)


def tiff_of_zeros(width: int, height: int) -> bytes:
    """Gives a black TIFF, packed by Deflate."""
    file = io.BytesIO()
    black = Image.fromarray(np.zeros((height, width), np.uint8))
    black.save(file, "TIFF", compression="tiff_adobe_deflate")
    return file.getvalue()


def _riff(kind: bytes, content: bytes) -> bytes:
    content += bytes(len(content) % 2)
    body = b"WEBP" + kind + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_of_canvas(width: int, height: int) -> bytes:
    """Gives an animation of two small pictures on a canvas of that size."""
    pictures = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    webp = bytearray(encoded("WEBP", pictures[0], save_all=True, append_images=pictures[1:]))
    at = webp.index(b"VP8X") + 12
    webp[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(webp)


def webp_lossless(width: int, height: int) -> bytes:
    """Gives a header alone."""
    return _riff(b"VP8L", b"\x2f" + struct.pack("<I", width - 1 | height - 1 << 14) + bytes(20))


def webp_lossy(width: int, height: int) -> bytes:
    """Gives a header alone."""
    return _riff(b"VP8 ", b"\x10\x02\0\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(20))
