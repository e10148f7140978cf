import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import RejectedError
from tests.builders import make_image, make_jpeg
from transforms.imaging import checked_size, decode
from transforms.jpeg_headers import JpegHeader, jpeg_header

FRAME = b"\xff\xc0\x00\x11\x08\x00\x30\x00\x40\x03"  # a baseline one of 64x48, three components
JPEG = make_jpeg(64, 48)


def with_frame(place, value):
    """JPEG with bytes of its frame replaced, from a place in FRAME on."""
    at = JPEG.index(FRAME) + place
    return JPEG[:at] + value + JPEG[at + len(value) :]


def test_a_baseline_photo():
    assert jpeg_header(JPEG) == JpegHeader((64, 48), 1)
    assert jpeg_header(make_image(300, 200, mode="L")) == JpegHeader((300, 200), 1)


def test_each_scan_counts():
    assert jpeg_header(make_jpeg(64, 48, progressive=True)) == JpegHeader((64, 48), 10)


def test_nothing_after_a_scan_of_all_components_counts():
    """As decoders have it: what they would go over is not all that stands there."""
    scan = JPEG.index(b"\xff\xda")
    again = JPEG[:-2] + FRAME + JPEG[scan:-2] * 20 + JPEG[-2:]
    assert jpeg_header(again) == JpegHeader((64, 48), 1)
    np.testing.assert_array_equal(decode(again), decode(JPEG))


def test_scans_of_single_components_count():
    scan = JPEG.index(b"\xff\xda")
    single = JPEG[scan:-2].replace(b"\xff\xda\x00\x0c\x03", b"\xff\xda\x00\x0c\x01")
    assert jpeg_header(JPEG[:scan] + single * 20 + JPEG[-2:]) == JpegHeader((64, 48), 20)


def test_what_stands_in_a_segment_is_not_looked_at():
    comment = b"\xff\xfe\x00\x0c" + FRAME
    assert jpeg_header(JPEG[:2] + comment + JPEG[2:]) == JpegHeader((64, 48), 1)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        pytest.param(1, b"\xf7", id="JPEG-LS"),
        pytest.param(1, b"\xc5", id="hierarchical"),
        pytest.param(1, b"\xcb", id="lossless, arithmetic"),
        pytest.param(4, b"\x0c", id="12 bits a sample"),
        pytest.param(4, b"\x10", id="16 bits a sample"),
    ],
)
def test_a_kind_that_is_not_decoded_is_told_as_such(place, value):
    with pytest.raises(RejectedError) as rejected:
        checked_size(with_frame(place, value), 10_000)
    assert rejected.value.detail == "format_not_supported"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        pytest.param(1, b"\xc4", id="no frame"),
        pytest.param(3, b"\x12", id="another length"),
        pytest.param(4, b"\x0c", id="12 bits a sample"),
        pytest.param(5, b"\x00\x00", id="no height"),
        pytest.param(7, b"\x00\x00", id="no width"),
        pytest.param(9, b"\x04", id="four components"),
    ],
)
def test_any_other_frame_is_left_to_pillow(place, value):
    assert jpeg_header(with_frame(place, value)).size is None


def test_two_frames_are_left_to_pillow():
    at = JPEG.index(FRAME)
    assert jpeg_header(JPEG[:at] + JPEG[at : at + 19] + JPEG[at:]).size is None


@pytest.mark.parametrize("length", [3, 4, JPEG.index(FRAME) + 2, JPEG.index(FRAME) + 9])
def test_a_cut_header_tells_nothing(length):
    assert jpeg_header(JPEG[:length]) == JpegHeader(None, 0)


@given(
    st.sampled_from([JPEG, make_jpeg(33, 47, progressive=True), make_image(40, 30, mode="CMYK")]),
    st.lists(st.tuples(st.integers(2, 700), st.integers(0, 2), st.binary(max_size=3)), max_size=3),
)
def test_what_is_decoded_has_the_size_that_was_checked(jpeg, changes):
    """Whatever the header is made to say: else a photo could take more than the limit allows."""
    for at, dropped, added in changes:
        jpeg = jpeg[:at] + added + jpeg[at + dropped :]
    try:
        size = checked_size(jpeg, 1_000_000)
        pixels = decode(jpeg)
    except RejectedError:
        return
    assert sorted(pixels.shape[:2]) == sorted(size)  # upright, a photo may lie on its side
