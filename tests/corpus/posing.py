"""Other files in the place of an image."""

import gzip
import io
import json
import zipfile

from PIL import Image

from tests.corpus.case import NOT_AN_IMAGE, Case, encoded, images, invalid, small_photo

_NOT_SUPPORTED = invalid("format_not_supported")


def cases() -> list[Case]:
    """Gives files of no format of ours."""
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect/></svg>"
    entities = b"".join(
        b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10 if n else b"lol") for n in range(10)
    )
    texts = {
        "nothing": b"",
        "a zero": b"\0",
        "zeros": bytes(10_000),
        "SVG": svg,
        "SVG with a declaration": b'<?xml version="1.0"?>' + svg,
        "SVG of a billion laughs": b"<!DOCTYPE svg [" + entities + b"]><svg>&l9;</svg>",
        "HTML": b"<!DOCTYPE html><html><body>404</body></html>",
        "PDF": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF",
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "JSON": json.dumps({"error": "gone"}).encode(),
        "ZIP": _zip(),
        "gzip of a photo": gzip.compress(small_photo(), mtime=0),
        "ELF": b"\x7fELF\x02\x01\x01" + bytes(100),
        "Windows": b"MZ" + bytes(100),
        "a script": b"#!/bin/sh\nrm -rf /\n",
        "Base64 in Base64": b"/9j/4AAQSkZJRg==",
        "a photo in words": small_photo().hex().encode(),
        "Parquet": b"PAR1" + bytes(100) + b"PAR1",
        "WAV": b"RIFF\x24\0\0\0WAVEfmt " + bytes(30),
        "an XBM": b"#define a_width 9\n#define a_height 9\nstatic char a_bits[] = {0};",
    }
    small = Image.new("RGB", (64, 48))
    others = {
        "GIF": encoded("GIF", small),
        "JPEG 2000": encoded("JPEG2000", small),
        "ICO": encoded("ICO", small),
        "PPM": encoded("PPM", small),
        "HEIC": b"\0\0\0\x18ftypheic" + bytes(100),
        "AVIF": b"\0\0\0\x18ftypavif" + bytes(100),
        "MP4": b"\0\0\0\x18ftypisom" + bytes(100),
    }
    return [
        *images(NOT_AN_IMAGE, ((f"{name} as an image", each) for name, each in texts.items())),
        *images(_NOT_SUPPORTED, ((f"{name} as an image", each) for name, each in others.items())),
    ]


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.jpg"), small_photo())
    return file.getvalue()
