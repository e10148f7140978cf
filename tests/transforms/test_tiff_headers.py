"""TIFFs that OpenCV would decode wrongly, or into too much, and those that are cut."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from schemas.errors import Code, RejectedError
from tests.builders import make_pixels
from transforms.imaging import checked_size, decode
from transforms.tiff_headers import is_whole, tiff_tags

PIXELS = make_pixels(96, 64)
PLANES = np.ascontiguousarray(np.moveaxis(PIXELS, 2, 0))
SEPARATE = {"planarconfig": "separate"}


def make_tiff(pixels=PIXELS, orientation=1, **settings):
    file = io.BytesIO()
    turned = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(file, pixels, photometric="rgb", extratags=turned, **settings)
    return file.getvalue()


def read(tiff, max_pixels=10_000):
    checked_size(tiff, max_pixels)
    return decode(tiff)


def detail_of(tiff, max_pixels=10_000):
    with pytest.raises(RejectedError) as rejected:
        read(tiff, max_pixels)
    assert rejected.value.code is Code.INVALID_IMAGE
    return rejected.value.detail


def upright(tiff):
    with Image.open(io.BytesIO(tiff)) as image:
        return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("tile", [None, (32, 32), (64, 96)], ids=["strips", "tiles", "one_tile"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_one_is_upright_or_refused(orientation, tile, big):
    tiff = make_tiff(orientation=orientation, tile=tile, bigtiff=big)
    if tile == (32, 32) and orientation in (2, 3, 6, 7):
        assert detail_of(tiff) == "format_not_supported"
    else:
        np.testing.assert_array_equal(read(tiff), upright(tiff))


@pytest.mark.parametrize("settings", [{}, {"tile": (32, 32)}, {"compression": "zlib"}], ids=repr)
def test_one_with_separate_colours_is_whole_or_refused(settings):
    tiff = make_tiff(PLANES, **SEPARATE, **settings)
    np.testing.assert_array_equal(read(tiff), PIXELS)
    for end in (-1, -100, len(tiff) * 2 // 3, len(tiff) // 2):
        assert detail_of(tiff[:end]) == "truncated"


def test_a_tile_counts_as_its_pixels():
    tiff = make_tiff(tile=(128, 128), compression="zlib")
    np.testing.assert_array_equal(read(tiff, 128 * 128), PIXELS)
    assert detail_of(tiff, 128 * 128 - 1) == "too_many_pixels"


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", [np.float32, np.uint32])
def test_other_kinds_of_numbers_are_told_as_such(kind, big):
    tiff = make_tiff(PIXELS.astype(kind), bigtiff=big)
    assert detail_of(tiff) == "format_not_supported"
    assert detail_of(tiff[:-1]) == "truncated"


def test_the_preview_of_a_cameras_raw_file_is_not_the_picture():
    """Its first picture is the smaller one, and tells where the others are."""

    def with_another(kind):
        file = io.BytesIO()
        with tifffile.TiffWriter(file) as writer:
            writer.write(PIXELS, photometric="rgb", subifds=1, subfiletype=kind)
            writer.write(PIXELS, photometric="rgb")
        return file.getvalue()

    assert detail_of(with_another(1)) == "format_not_supported"
    for each in (with_another(0), make_tiff(subfiletype=1)):
        np.testing.assert_array_equal(read(each), PIXELS)


def test_tags_of_other_types_are_no_numbers():
    assert not is_whole({273: "8", 279: b"8", 324: (1.5, None), 325: (1, 2)}, 100)
    assert is_whole({273: 8, 279: (8,)}, 16)
    assert not is_whole({273: 8, 279: (8,)}, 15)


def test_tags_are_of_the_first_picture():
    assert tiff_tags(make_tiff(np.stack([PIXELS, PIXELS[::-1]])))[256] == 96
