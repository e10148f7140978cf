"""Image bytes of any kind: pixels, or a reason why not."""

import io
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from schemas.errors import Code, Detail, Fault
from schemas.records import UInt8Image
from tests.builders import make_image, make_pixels
from tests.fuzz.effort import effort, tried
from tests.fuzz.mutations import mutated
from transforms.imaging import (
    FORMATS,
    JPEG_START,
    THUMBNAIL_PX,
    checked_size,
    decode,
    thumbnail,
)

MAX_PIXELS = 20_000
DETAILS = {
    Detail.NOT_AN_IMAGE,
    Detail.FORMAT_NOT_SUPPORTED,
    Detail.TRUNCATED,
    Detail.TOO_MANY_PIXELS,
}


@cache
def originals() -> tuple[bytes, ...]:
    """Gives images of all formats, and in the spellings that these have."""
    pages = [Image.fromarray(make_pixels(seed=seed)) for seed in range(3)]
    several = {}
    for fmt in ("TIFF", "WEBP", "PNG", "GIF"):
        file = io.BytesIO()
        pages[0].save(file, fmt, save_all=True, append_images=pages[1:])
        several[fmt] = file.getvalue()
    deep = io.BytesIO()
    Image.fromarray(make_pixels()[:, :, 0].astype(np.uint16) * 257).save(deep, "PNG")
    return (
        *(make_image(fmt=fmt) for fmt in FORMATS),
        *(make_image(fmt=fmt, mode="L") for fmt in ("JPEG", "PNG", "BMP", "TIFF")),
        *(make_image(fmt=fmt, mode="CMYK") for fmt in ("JPEG", "TIFF")),
        *(make_image(fmt=fmt, mode="RGBA") for fmt in ("PNG", "WEBP", "TIFF")),
        *(make_image(fmt=fmt, mode="P") for fmt in ("PNG", "BMP", "TIFF", "GIF")),
        *(make_image(fmt=fmt, mode="1") for fmt in ("PNG", "BMP", "TIFF")),
        *(make_image(fmt=fmt, orientation=6) for fmt in ("JPEG", "PNG", "WEBP", "TIFF")),
        make_image(progressive=True),
        make_image(fmt="WEBP", lossless=True),
        *(
            make_image(fmt="TIFF", compression=each)
            for each in ("tiff_lzw", "jpeg", "packbits", "tiff_adobe_deflate")
        ),
        *several.values(),
        deep.getvalue(),
    )


def check(encoded: bytes) -> None:
    size = tried(lambda: checked_size(encoded, MAX_PIXELS))
    if isinstance(size, Fault):
        assert size.code is Code.INVALID_IMAGE
        assert size.detail in DETAILS
        return
    pixels = tried(lambda: decode(encoded))
    if encoded.startswith(JPEG_START):
        check_reduced(encoded, pixels)
    if isinstance(pixels, Fault):
        is_tiff = encoded.startswith((b"II", b"MM"))  # of which Pillow knows other kinds
        details = {Detail.TRUNCATED} | ({Detail.FORMAT_NOT_SUPPORTED} if is_tiff else set())
        assert (pixels.code, pixels.detail in details) == (Code.INVALID_IMAGE, True)
        return
    height, width, channels = pixels.shape
    assert 1 <= width * height <= MAX_PIXELS
    assert (channels, pixels.dtype) == (3, np.uint8)
    box = (-1.5, 0.2, width * 0.7, height + 9.0)
    with Image.open(io.BytesIO(thumbnail(pixels, box))) as image:
        assert max(image.size) <= THUMBNAIL_PX


def check_reduced(encoded: bytes, in_full: UInt8Image | Fault) -> None:
    """A smaller scale ends as the full one does."""
    for reduction in (2, 4, 8):
        pixels = tried(lambda each=reduction: decode(encoded, each))
        if isinstance(in_full, Fault):
            assert pixels == in_full
            continue
        assert not isinstance(pixels, Fault)
        sides = [-(-side // reduction) for side in in_full.shape[:2]]
        assert list(pixels.shape) == [*sides, 3]


@pytest.mark.parametrize("number", range(len(originals())))
def test_the_originals_are_what_they_seem(number: int) -> None:
    check(originals()[number])


@effort(300)
@given(mutated(originals()))
def test_mutated_images(encoded: bytes) -> None:
    check(encoded)


@effort(100)
@given(
    st.sampled_from([each[:32] for each in originals()]).flatmap(
        lambda head: st.binary(max_size=200).map(lambda rest: head + rest)
    )
)
def test_any_bytes_behind_a_header(encoded: bytes) -> None:
    check(encoded)
