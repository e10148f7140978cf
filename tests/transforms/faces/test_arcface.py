import numpy as np
import pytest
from onnx import helper, numpy_helper

from tests.builders import six_persons
from tests.onnx_packs import library_model, mean_colour_graph, sface_graph
from transforms.embed_faces import unit
from transforms.faces.alignment import align
from transforms.faces.arcface import ArcFace
from transforms.faces.base import Share
from transforms.faces.opencv_zoo import OpenCvZoo
from transforms.imaging import decode


@pytest.fixture
def recogniser_of(tmp_path):
    """Gives the adapter over the library's model of a graph."""
    return lambda graph: ArcFace(library_model(tmp_path, graph))


def crop(*colour, side=112):
    return np.full((side, side, 3), colour, np.uint8)


@pytest.mark.parametrize("batch", ["batch", 1])
def test_one_vector_a_crop_in_rgb(recogniser_of, batch):
    recogniser = recogniser_of(mean_colour_graph(batch))
    vectors = recogniser.embed([crop(255, 0, 0), crop(0, 255, 0), crop(0, 0, 255)])
    expected = 2 * np.eye(3) - 1  # 127.5 less, through 127.5
    np.testing.assert_allclose(np.array(vectors), expected, atol=1e-5)
    assert {each.dtype for each in vectors} == {np.dtype(np.float32)}


def reshape(*shape):
    weights = [numpy_helper.from_array(np.array(shape), "shape")]
    node = helper.make_node("Reshape", ["means", "shape"], ["vectors"])
    return mean_colour_graph(last=[node], weights=weights)


def with_the_mean_of_the_batch():
    return mean_colour_graph(
        last=[
            helper.make_node("Flatten", ["means"], ["flat"]),
            helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[0], keepdims=1),
            helper.make_node("Add", ["flat", "mean"], ["vectors"]),
        ]
    )


@pytest.mark.parametrize(
    ("graph", "doubled"),
    [
        pytest.param(reshape(1, -1), 1, id="reshaped to one face"),
        pytest.param(reshape(-1, 3, 1, 1), 1, id="with axes of length 1"),
        pytest.param(with_the_mean_of_the_batch(), 2, id="one face depends on the others"),
    ],
)
def test_a_face_has_its_vector_whatever_stands_beside_it(recogniser_of, graph, doubled):
    recogniser = recogniser_of(graph)
    vectors = recogniser.embed([crop(255, 0, 0), crop(0, 255, 0), crop(0, 0, 255)])
    np.testing.assert_allclose(np.array(vectors), doubled * (2 * np.eye(3) - 1), atol=1e-5)


@pytest.mark.parametrize("side", [112, 128, 224])
def test_the_size_of_crops_is_that_of_the_graph(recogniser_of, side):
    recogniser = recogniser_of(mean_colour_graph(side=side))
    assert recogniser.crop_px == side
    [vector] = recogniser.embed([crop(255, 255, 255, side=side)])
    np.testing.assert_allclose(vector, 1.0, atol=1e-5)


def test_a_batch_of_real_faces_gives_what_each_gives_alone(recogniser_of):
    """The real SFace as a pack's recogniser: the same vectors as those of the default pack."""
    default = OpenCvZoo().load(Share(1, 2))
    pixels = decode(six_persons())
    crops = [align(pixels, face.landmarks, 112) for face in default.detector.detect(pixels)]
    recogniser = recogniser_of(sface_graph())
    together = [unit(each) for each in recogniser.embed(crops)]
    alone = [unit(recogniser.embed([each])[0]) for each in crops]
    expected = [unit(each) for each in default.recogniser.embed(crops)]
    assert len(together) == 6
    for one, other, third in zip(together, alone, expected, strict=True):
        assert min(float(one @ other), float(one @ third)) >= 0.9999
