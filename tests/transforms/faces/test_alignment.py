import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from insightface.utils.face_align import norm_crop

from tests.builders import make_pixels
from transforms.faces.alignment import TEMPLATE, align, can_crop, similarity

CROP_PX = 112

coordinates = st.floats(-1000, 1000)
points = st.lists(st.tuples(coordinates, coordinates), min_size=5, max_size=5).map(np.array)


def moved(source, degrees, scale, shift):
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return source @ (scale * turn).T + shift


def applied(matrix, source):
    return source @ matrix[:, :2].T + matrix[:, 2]


def off(matrix, source, target):
    """The sum of squared distances that is to be least."""
    return float(((applied(matrix, source) - target) ** 2).sum())


@given(
    st.floats(-180, 180),
    st.floats(0.01, 100),
    st.tuples(coordinates, coordinates),
)
def test_a_turned_scaled_and_shifted_face_is_brought_back(degrees, scale, shift):
    source = moved(TEMPLATE, degrees, scale, shift)
    np.testing.assert_allclose(applied(similarity(source, TEMPLATE), source), TEMPLATE, atol=1e-4)


@given(points, st.tuples(*[st.floats(-0.01, 0.01)] * 4))
def test_no_similarity_is_nearer(source, change):
    a, b, x, y = change
    best = similarity(source, TEMPLATE)
    other = best + np.array([[a, -b, x], [b, a, y]])
    assert off(best, source, TEMPLATE) <= off(other, source, TEMPLATE) + 1e-3


@given(points)
def test_it_is_a_similarity_without_reflection(source):
    (a, b, _), (c, d, _) = similarity(source, TEMPLATE)
    assert (a, b) == (d, -c)
    assert a * d - b * c >= 0


def test_points_in_one_place_have_an_answer():
    matrix = similarity(np.full((5, 2), 7.0, np.float32), TEMPLATE)
    assert np.isfinite(matrix).all()


def test_a_face_that_stands_as_the_template_is_cut_out_as_it_is():
    pixels = make_pixels(200, 160)
    crop = align(pixels, TEMPLATE.astype(np.float32), CROP_PX)
    assert (crop.shape, crop.dtype) == ((CROP_PX, CROP_PX, 3), np.uint8)
    np.testing.assert_allclose(crop, pixels[:CROP_PX, :CROP_PX], atol=1)


@pytest.mark.parametrize(("dx", "dy"), [(40, 20), (0, 48)])
def test_a_face_elsewhere_is_found_there(dx, dy):
    pixels = make_pixels(200, 160)
    crop = align(pixels, (TEMPLATE + np.array([dx, dy])).astype(np.float32), CROP_PX)
    expected = pixels[dy : dy + CROP_PX, dx : dx + CROP_PX]
    np.testing.assert_allclose(crop, expected, atol=1)


def test_what_lies_outside_the_image_is_black():
    crop = align(make_pixels(200, 160), (TEMPLATE - 60).astype(np.float32), CROP_PX)
    assert not crop[:59, :59].any()
    assert crop[61:, 61:].any()


def test_a_face_upside_down_stands_upright():
    pixels = make_pixels(CROP_PX, CROP_PX)
    turned = np.ascontiguousarray(pixels[::-1, ::-1])
    crop = align(turned, (CROP_PX - 1 - TEMPLATE).astype(np.float32), CROP_PX)
    np.testing.assert_allclose(crop, pixels, atol=1)


@pytest.mark.parametrize("times", [2, 3, 4, 8, 16])
def test_all_pixels_of_a_large_face_count(times):
    """Under noise of no mean, a large face looks as a small one."""
    pixels = make_pixels(CROP_PX, CROP_PX)
    large = pixels.repeat(times, 0).repeat(times, 1).astype(int)
    noise = np.random.default_rng(1).integers(-20, 21, large.shape)
    noisy = np.clip(large + noise, 0, 255).astype(np.uint8)
    crop = align(noisy, ((TEMPLATE + 0.5) * times - 0.5).astype(np.float32), CROP_PX)
    assert np.abs(crop.astype(int) - pixels).mean() < 22 / times


@pytest.mark.filterwarnings("ignore:`estimate` is deprecated")
@pytest.mark.parametrize("side", [112, 128, 224, 256, 448])
def test_crops_of_all_sizes_are_those_of_insightface(side):
    pixels, landmarks = make_pixels(300, 300), (TEMPLATE * 1.5 + 20).astype(np.float32)
    assert can_crop(side)
    expected = norm_crop(pixels, landmarks, image_size=side)
    assert np.abs(align(pixels, landmarks, side).astype(int) - expected).max() <= 2


@pytest.mark.parametrize("side", [0, -112, 111, 144, "height", None])
def test_other_crops_have_no_template(side):
    assert not can_crop(side)
