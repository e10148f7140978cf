"""EXIF of WebP as encoders write it."""

import numpy as np
import pytest

from tests.builders import make_image, make_pixels
from transforms.imaging import decode
from transforms.webp_headers import with_plain_exif


def turned(orientation):
    return make_image(60, 42, "WEBP", orientation=orientation, lossless=True)


def prefixed(webp):
    """Has EXIF begin as in a JPEG, as Pillow before 9.3 and ImageMagick wrote it."""
    at = webp.index(b"EXIF")
    size = int.from_bytes(webp[at + 4 : at + 8], "little")
    content = b"Exif\0\0" + webp[at + 8 : at + 8 + size]
    chunk = b"EXIF" + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)
    whole = webp[8:at] + chunk
    return b"RIFF" + len(whole).to_bytes(4, "little") + whole


@pytest.mark.parametrize("orientation", range(2, 9))
def test_pixels_are_upright(orientation):
    webp = prefixed(turned(orientation))
    assert with_plain_exif(webp) != webp
    np.testing.assert_array_equal(decode(webp), make_pixels(60, 42))


@pytest.mark.parametrize("end", [0, 4, 12, 19, 20, 60, -1, None])
def test_all_else_is_left_as_it_is(end):
    webp = turned(6)[:end]
    assert with_plain_exif(webp) == webp
