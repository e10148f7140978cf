"""Images that are lawful, but seldom: colours, depths, orientations, pages, other files' faces."""

import io
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image, ImageOps

from tests.builders import EXIF_ORIENTATION, STORED_AS
from tests.corpus.case import FORMATS, OK, TRUNCATED, Case, encoded, images, photo, small_photo


def cases() -> list[Case]:
    """Gives images whose face is found, and some that cannot be."""
    return [
        *images(OK, _colours()),
        *images(OK, _deep()),
        *images(OK, _orientations()),
        *images(OK, _pages()),
        *images(OK, _exif()),
        *images(OK, _polyglots()),
        *images(TRUNCATED, [("tiff whose pages lead nowhere", _lost_page())]),
    ]


def _colours() -> Iterator[tuple[str, bytes]]:
    for mode, formats in {
        "CMYK": ("JPEG", "TIFF"),
        "L": ("JPEG", "PNG", "BMP", "TIFF"),
        "LA": ("PNG",),
        "P": ("PNG", "BMP", "TIFF"),
        "RGBA": ("PNG", "WEBP", "TIFF"),
        "YCbCr": ("JPEG",),
    }.items():
        for fmt in formats:
            yield f"{mode} {fmt}", encoded(fmt, photo().convert(mode))
    clear = photo().convert("RGBA")
    clear.putalpha(0)
    yield "nothing to be seen", encoded("PNG", clear)
    yield "progressive", encoded("JPEG", progressive=True)
    yield "lossless", encoded("WEBP", lossless=True)
    yield "a colour made clear", encoded("PNG", transparency=(0, 0, 0))
    for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield f"TIFF by {packing}", encoded("TIFF", compression=packing)


def _deep() -> Iterator[tuple[str, bytes]]:
    deep = np.asarray(photo())[:, :, ::-1].astype(np.uint16) * 257
    for suffix in (".png", ".tiff"):
        yield f"16 bits {suffix}", cv2.imencode(suffix, deep)[1].tobytes()
    yield "16 bits, grey", cv2.imencode(".png", deep[:, :, 1])[1].tobytes()


def _orientations() -> Iterator[tuple[str, bytes]]:
    for number, turn in STORED_AS.items():
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = number
        turned = photo().transpose(turn)
        with Image.open(io.BytesIO(encoded("PNG", turned, exif=exif))) as image:
            assert ImageOps.exif_transpose(image).size == photo().size
        for fmt in ("JPEG", "PNG", "WEBP", "TIFF") if number in (3, 6) else ("JPEG",):
            yield f"{fmt}, orientation {number}", encoded(fmt, turned, exif=exif)


def _pages() -> Iterator[tuple[str, bytes]]:
    other = Image.new("RGB", photo().size)
    for fmt in ("PNG", "WEBP", "TIFF"):
        for pages in (1, 30):
            more = {"save_all": True, "append_images": [other] * pages}
            yield f"{fmt} of {1 + pages} pictures", encoded(fmt, **more)
    yield "a phone's two", encoded("MPO", save_all=True, append_images=[other])


def _exif() -> Iterator[tuple[str, bytes]]:
    start, rest = small_photo()[:2], small_photo()[2:]
    for name, content in {
        "of zeros": bytes(100),
        "of nothing": b"",
        "cut": b"Exif\0\0MM\0*\0\0\0\x08\0\x01",
        "that leads nowhere": b"Exif\0\0II*\0\xff\xff\xff\xff",
        "of a loop": b"Exif\0\0II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "of 65535 entries": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(60_000),
        "of orientation 0": _orientation(0),
        "of orientation 9": _orientation(9),
        "of orientation 65535": _orientation(65_535),
    }.items():
        size = (len(content) + 2).to_bytes(2, "big")
        yield f"EXIF {name}", start + b"\xff\xe1" + size + content + rest


def _orientation(number: int) -> bytes:
    entry = b"\x12\x01\x03\0\x01\0\0\0" + number.to_bytes(4, "little")
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4)


def _polyglots() -> Iterator[tuple[str, bytes]]:
    script = b"<script>alert(1)</script>"
    yield "JPEG and ZIP", small_photo() + b"PK\x05\x06" + bytes(18)
    yield "JPEG and PDF", small_photo() + b"%PDF-1.7\n%%EOF"
    yield "JPEG and another JPEG", small_photo() + small_photo()
    size = (len(script) + 2).to_bytes(2, "big")
    yield "JPEG and HTML", small_photo()[:2] + b"\xff\xfe" + size + script + small_photo()[2:]
    for fmt in FORMATS[1:]:
        yield f"{fmt} and HTML", encoded(fmt) + script


def _lost_page() -> bytes:
    return b"II*\0" + (2**32 - 1).to_bytes(4, "little") + bytes(100)
