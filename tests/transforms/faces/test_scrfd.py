import numpy as np
import pytest

from tests.builders import make_pixels
from tests.onnx_packs import bright_cell, library_model, scrfd_graph
from transforms.faces.alignment import TEMPLATE
from transforms.faces.scrfd import Scrfd, widened


@pytest.fixture
def detector_of(tmp_path):
    """Gives the adapter over the library's model of a graph."""
    return lambda graph: Scrfd(library_model(tmp_path, graph))


@pytest.mark.parametrize("scale", [1, 2, 5])
def test_a_face_is_told_in_pixels_of_the_image(detector_of, scale):
    pixels = bright_cell(row=1, column=2).repeat(scale, 0).repeat(scale, 1)
    [face] = detector_of(scrfd_graph()).detect(pixels)
    assert face.box == pytest.approx([each * scale for each in (48, 16, 80, 48)])
    expected = (np.array([64, 32]) + (TEMPLATE - 56) * 32 / 112) * scale
    np.testing.assert_allclose(face.landmarks, expected, rtol=1e-4)
    assert (face.landmarks.shape, face.landmarks.dtype) == ((5, 2), np.float32)
    assert face.score == pytest.approx((235 - 127.5) / 128, abs=1e-3)
    assert {type(each) for each in (*face.box, face.score)} == {float}


def test_faces_are_told_best_first(detector_of):
    pixels = bright_cell(row=0, column=0)
    pixels[64:96, 64:96] = 255
    first, second = detector_of(scrfd_graph()).detect(pixels)
    assert (first.box[:2], second.box[:2]) == ((48.0, 48.0), (-16.0, -16.0))
    assert first.score > second.score


@pytest.mark.parametrize(("level", "faces"), [(191, 0), (192, 1)])
def test_the_threshold_is_that_of_the_library(detector_of, level, faces):
    pixels = bright_cell()
    pixels[pixels > 0] = level  # (191.5 - 127.5) / 128 = 0.5
    assert len(detector_of(scrfd_graph()).detect(pixels)) == faces


def test_colours_reach_the_graph_as_they_are_called(detector_of):
    """The library takes BGR, and turns it round itself."""
    seen = []
    detector = detector_of(scrfd_graph())
    inner = detector._model.detect
    detector._model.detect = lambda image: seen.append(image) or inner(image)
    detector.detect(bright_cell())
    assert seen[0][40, 70].tolist() == [200, 250, 255]


def test_a_free_graph_looks_at_both_sizes(detector_of):
    detector = detector_of(scrfd_graph("side"))
    pixels = bright_cell()
    boxes = {tuple(np.round(each.box, 1)) for each in detector.detect(pixels)}
    assert (48.0, 16.0, 80.0, 48.0) in boxes  # at 128 px
    assert len(boxes) > 1  # at 640 px it is 25 cells
    assert set(detector._model.resolution_session_input_sizes) == {(128, 128), (640, 640)}


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 5000), (5000, 1), (3, 129), (2000, 30)])
def test_a_line_holds_no_face_and_is_no_error(detector_of, width, height):
    assert detector_of(scrfd_graph("side")).detect(np.zeros((height, width, 3), np.uint8)) == []


def test_a_line_is_measured_by_the_size_of_the_graph(detector_of):
    assert detector_of(scrfd_graph(96)).detect(np.zeros((1, 100, 3), np.uint8)) == []


def test_only_lines_are_widened():
    pixels = make_pixels(256, 2)
    assert widened(pixels, 128) is pixels
    line = widened(make_pixels(257, 2), 128)
    assert line.shape == (3, 257, 3)
    np.testing.assert_array_equal(line[:2], make_pixels(257, 2))
    assert not line[2:].any()
    assert widened(make_pixels(2, 257), 128).shape == (257, 3, 3)
