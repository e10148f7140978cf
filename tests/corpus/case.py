"""What a hostile case is, and the photo that most of them are made of."""

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import Image

from tests.payloads import portraits, row

OK = ("OK", "enrolled")
NO_FACE = ("ERR_FACE_NOT_DETECTED", "")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")


def invalid(detail: str) -> tuple[str, str]:
    """Gives (code, detail) of an image that cannot be used."""
    return "ERR_INVALID_IMAGE", detail


def unprocessable(detail: str) -> tuple[str, str]:
    """Gives (code, detail) of a row that cannot be read."""
    return "ERR_UNPROCESSABLE_CONTENT", detail


TRUNCATED, NOT_AN_IMAGE = invalid("truncated"), invalid("not_an_image")
TOO_MANY_PIXELS, BASE64 = invalid("too_many_pixels"), invalid("base64")


@dataclass(frozen=True)
class Case:
    """A row, or the text of a line, and the (code, action or detail) it must end with.

    image: its encoded face, where it is about that alone; then a Parquet row can have it too.
    """

    name: str
    line: Mapping[str, Any] | bytes
    ends: tuple[str, str]
    image: bytes | None = None


def of_image(name: str, image: bytes, ends: tuple[str, str]) -> Case:
    """Gives a case of a good row but for its image."""
    return Case(name, row(name, image), ends, image)


def of_row(name: str, ends: tuple[str, str], **fields: Any) -> Case:
    """Gives a case of a good row with some other fields."""
    return Case(name, row(name, small_photo(), **fields), ends)


def images(ends: tuple[str, str], cases: Iterable[tuple[str, bytes]]) -> list[Case]:
    """Gives cases of images that all end alike."""
    return [of_image(name, image, ends) for name, image in cases]


@cache
def small_photo() -> bytes:
    """Gives a JPEG of one face, 215x260."""
    return portraits()[3]


@cache
def photo() -> Image.Image:
    """Gives the same, decoded."""
    with Image.open(io.BytesIO(small_photo())) as image:
        return image.convert("RGB")


def encoded(fmt: str, image: Image.Image | None = None, **saving: Any) -> bytes:
    """Gives the image (the photo) in a format. saving: options of Pillow's `save`."""
    file = io.BytesIO()
    (image or photo()).save(file, fmt, **saving)
    return file.getvalue()


def base64_text(content: bytes) -> str:
    """Gives plain Base64."""
    return base64.b64encode(content).decode()
