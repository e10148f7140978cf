import numpy as np
import pytest

from schemas.errors import Code, RejectedError
from schemas.options import FaceStorageType
from schemas.records import Face, Submission
from tests.builders import make_image, make_person
from transforms.faces.alignment import TEMPLATE
from transforms.scales import decoded, in_full, large_enough, reduced

LEAST_PX = 64
CROP_PX = 112


def submission(encoded, storage=FaceStorageType.NO_STORAGE):
    return Submission(make_person(face_storage_type=storage), encoded)


def picture_of(width, height, least_px=LEAST_PX, **made):
    return decoded(submission(make_image(width, height, **made)), width * height, least_px)


def face_of(side):
    """A face as wide and high as given, its landmarks where they are in such a crop."""
    return Face((0.0, 0.0, side, side), (TEMPLATE * side / CROP_PX).astype(np.float32), 0.9)


@pytest.mark.parametrize(
    ("width", "height", "reduction"),
    [(127, 90, 1), (128, 90, 2), (90, 128, 2), (255, 9, 2), (256, 9, 4), (511, 9, 4), (5000, 9, 8)],
)
def test_the_detector_gets_as_many_pixels_as_it_takes(width, height, reduction):
    picture = picture_of(width, height)
    assert picture.reduction == reduction
    expected = (-(-height // reduction), -(-width // reduction), 3)
    assert picture.pixels.shape == expected
    assert max(expected) >= LEAST_PX


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("width", "height", "turned"), [(520, 264, 8), (516, 260, 4), (514, 262, 2), (513, 264, 1)]
)
def test_a_turned_photo_is_reduced_by_what_divides_its_sides(width, height, turned, orientation):
    """A place in the reduced pixels would be off by up to 7 px of the full size otherwise."""
    picture = picture_of(width, height, orientation=orientation)
    assert picture.reduction == (8 if orientation == 1 else turned)


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "BMP", "TIFF"])
def test_other_formats_are_decoded_in_full(fmt):
    picture = picture_of(300, 200, fmt=fmt)
    assert (picture.reduction, picture.pixels.shape) == (1, (200, 300, 3))


def test_a_jpeg_with_one_scale_is_told_so(monkeypatch):
    monkeypatch.setattr("transforms.scales.decode", lambda *_: np.zeros((200, 300, 3), np.uint8))
    assert picture_of(300, 200).reduction == 1


def test_the_limit_is_on_the_size_in_full():
    with pytest.raises(RejectedError) as refused:
        decoded(submission(make_image(400, 300)), 400 * 300 - 1, LEAST_PX)
    assert (refused.value.code, refused.value.detail) == (Code.INVALID_IMAGE, "too_many_pixels")


@pytest.mark.parametrize(
    ("side", "reduction"), [(1000, 8), (990, 4), (500, 4), (490, 2), (250, 2), (240, 1), (20, 1)]
)
def test_a_crop_is_cut_from_more_pixels_than_it_has(side, reduction):
    picture = picture_of(1200, 900)
    assert picture.reduction == 8
    enough = large_enough(picture, face_of(side), CROP_PX)
    assert enough.reduction == reduction
    assert enough.pixels.shape == (-(-900 // reduction), 1200 // reduction, 3)
    assert (enough is picture) == (reduction == 8)


@pytest.mark.parametrize(("side", "reduction"), [(1640, 8), (1000, 4), (500, 2), (400, 1)])
def test_a_thumbnail_has_as_many_pixels_as_in_full(side, reduction):
    """It shows the face from the corner on, so with one margin."""
    photo = submission(make_image(2400, 1800), FaceStorageType.THUMBNAILS)
    picture = decoded(photo, 2400 * 1800, LEAST_PX)
    assert large_enough(picture, face_of(side), CROP_PX).reduction == reduction


def test_nothing_is_decoded_twice_at_the_same_scale(monkeypatch):
    picture = picture_of(100, 90)
    monkeypatch.setattr("transforms.scales.decode", None)
    assert large_enough(picture, face_of(20), CROP_PX) is picture


def test_a_face_of_reduced_pixels_is_told_in_those_of_the_full_size():
    face = Face((1.0, 2.0, 3.0, 4.5), np.arange(10, dtype=np.float32).reshape(5, 2), 0.9)
    full = in_full(face, 4)
    assert (full.box, full.score) == ((4.0, 8.0, 12.0, 18.0), 0.9)
    np.testing.assert_array_equal(full.landmarks, face.landmarks * 4)
    back = reduced(full, 4)
    assert back.box == face.box
    # The first of four pixels has its centre at 0, and all four at 1.5.
    np.testing.assert_allclose(back.landmarks, face.landmarks - 1.5 / 4)
    assert (full.landmarks.dtype, back.landmarks.dtype) == (np.float32, np.float32)
