import cv2
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.builders import make_pixels
from transforms.faces.onnx_engine import OnnxEngine
from transforms.faces.yunet import YuNet, decode, joined, prepare

STRIDES = (8, 16, 32)
IMAGE = np.zeros((1, 3, 32, 32), np.float32)


def outputs(height, width, **cells):
    """What the joined graph says of an image in which it sees nothing, but for the cells given.

    cells: "s8" -> [(row, column, values)], with values of score, bbox (4) and kps (10).
    """
    found = {"score": [], "bbox": [], "kps": []}
    for stride in STRIDES:
        rows, columns = height // stride, width // stride
        sizes = {"score": 1, "bbox": 4, "kps": 10}
        level = {name: np.zeros((rows * columns, size)) for name, size in sizes.items()}
        for row, column, values in cells.get(f"s{stride}", ()):
            for name, value in values.items():
                level[name][row * columns + column] = value
        for name, values in level.items():
            found[name].append(values)
    joined = {name: np.concatenate(each, dtype=np.float32)[None] for name, each in found.items()}
    above = np.flatnonzero(joined["score"])
    return {name: each[:, above] for name, each in joined.items()} | {"found": above}


def seen(score=0.9, shift=(0.0, 0.0), size=(4.0, 4.0), landmarks=(0.0,) * 10):
    return {"score": score, "bbox": [*shift, *np.log(size)], "kps": landmarks}


class Engine:
    """Gives fixed outputs and keeps what it was asked."""

    def __init__(self, **cells):
        self.cells = cells
        self.batch = None

    def run(self, batch):
        self.batch = batch
        return outputs(batch.shape[2], batch.shape[3], **self.cells)


@pytest.mark.parametrize(
    ("width", "height", "shape", "scale"),
    [
        pytest.param(64, 32, (32, 64), 1.0, id="a multiple of 32"),
        pytest.param(65, 33, (64, 96), 1.0, id="padded"),
        pytest.param(1, 1, (32, 32), 1.0, id="one pixel"),
        pytest.param(640, 640, (640, 640), 1.0, id="the largest"),
        pytest.param(641, 480, (480, 640), 640 / 641, id="a little larger"),
        pytest.param(1280, 886, (448, 640), 0.5, id="twice as wide"),
        pytest.param(400, 1600, (640, 160), 0.4, id="too high"),
        pytest.param(3000, 1, (32, 640), 640 / 3000, id="a line"),
    ],
)
def test_images_are_made_smaller_and_padded(width, height, shape, scale):
    batch, found = prepare(make_pixels(width, height))
    assert (batch.shape, batch.dtype) == ((1, 3, *shape), np.float32)
    assert found == scale


@pytest.mark.parametrize("side", [700, 960, 1279, 1280, 1281, 2000])
def test_each_pixel_is_the_mean_of_what_it_covers(side):
    photo = smooth_noise(side)
    batch, _ = prepare(np.dstack([photo] * 3))
    mean = cv2.resize(photo, (640, 640), interpolation=cv2.INTER_AREA)
    assert np.abs(batch[0, 0] - mean).mean() < 1.0


def smooth_noise(side):
    """Gives (side, side) grey values with detail of every size, as photos have it."""
    values = np.random.default_rng(side)
    layers = [
        cv2.resize(values.normal(0, 16, (size, size)), (side, side), interpolation=cv2.INTER_CUBIC)
        for size in (side // 2, side // 8, side // 32)
    ]
    return np.clip(sum(layers) + 128, 0, 255).astype(np.uint8)


def test_pixels_are_bgr_with_zeros_at_the_right_and_below():
    pixels = make_pixels(40, 33)
    batch, _ = prepare(pixels)
    np.testing.assert_array_equal(batch[0, :, :33, :40].transpose(1, 2, 0), pixels[:, :, ::-1])
    assert not batch[:, :, 33:].any()
    assert not batch[:, :, :, 40:].any()


@pytest.mark.parametrize("stride", STRIDES)
def test_decoding(stride):
    values = seen(0.72, (0.5, -0.25), (3.0, 5.0), np.arange(10) / 10)
    cells = {f"s{stride}": [(1, 2, values)]}
    [box], [landmarks], [score] = decode(outputs(96, 128, **cells), 96, 128)
    x, y, width, height = (each * stride for each in (2.5, 0.75, 3.0, 5.0))
    assert score == pytest.approx(0.72)
    expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    np.testing.assert_allclose(box, expected, rtol=1e-6)
    expected = (np.arange(10).reshape(5, 2) / 10 + [2, 1]) * stride
    np.testing.assert_allclose(landmarks, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("cls", "obj", "scores"),
    [
        pytest.param(0.81, 0.64, [0.72] * 3, id="the root of the product"),
        pytest.param(1.5, 1.0, [1.0] * 3, id="at most 1"),
        pytest.param(-0.1, 1.0, [], id="at least 0"),
    ],
)
def test_the_joined_graph_gives_the_cells_above_the_threshold(cls, obj, scores):
    found = OnnxEngine(joined(strides_alone(cls, obj)), 1).run(IMAGE)
    number = len(scores)
    assert {name: each.shape for name, each in found.items()} == {
        "score": (1, number, 1),
        "bbox": (1, number, 4),
        "kps": (1, number, 10),
        "found": (number,),
        "score_all": (1, 3, 1),
    }
    np.testing.assert_allclose(found["score"][0, :, 0], scores)
    assert found["bbox"][0, :, 0].tolist() == list(STRIDES[:number])


def strides_alone(cls, obj):
    """Gives a graph of YuNet's twelve outputs, of one cell each: bbox tells the stride."""
    values = {("cls", 1): cls, ("obj", 1): obj, ("bbox", 4): None, ("kps", 10): 0.0}
    nodes, outputs = [], []
    for (kind, size), value in values.items():
        for stride in STRIDES:
            name = f"{kind}_{stride}"
            filled = np.full((1, 1, size), stride if value is None else value, np.float32)
            tensor = numpy_helper.from_array(filled)
            nodes.append(helper.make_node("Constant", [], [name], value=tensor))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 1, size)))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, (1, 3, "h", "w"))
    graph = helper.make_graph(nodes, "strides", [image], outputs)
    versions = [helper.make_opsetid("", 21)]
    return helper.make_model(graph, opset_imports=versions, ir_version=10).SerializeToString()


def test_no_face():
    assert YuNet(Engine()).detect(make_pixels()) == []


@pytest.mark.parametrize(("score", "number"), [(0.59, 0), (0.6, 0), (0.61, 3)])
def test_faces_have_a_score_above_the_threshold(score, number):
    engine = OnnxEngine(joined(strides_alone(1.0, np.float32(score) ** 2)), 1)
    assert engine.run(IMAGE)["found"].tolist() == [*range(number)]


def test_overlapping_boxes_are_one_face():
    near = [(1, 1, seen(0.7)), (1, 2, seen(0.9)), (2, 2, seen(0.8))]
    [face] = YuNet(Engine(s16=near)).detect(make_pixels(128, 96))
    assert face.score == pytest.approx(0.9)
    assert face.box == pytest.approx((0, -16, 64, 48))


def test_faces_apart_are_given_best_first():
    apart = [(0, 0, seen(0.7)), (5, 7, seen(0.9)), (0, 7, seen(0.8))]
    faces = YuNet(Engine(s16=apart)).detect(make_pixels(128, 96))
    assert [face.score for face in faces] == pytest.approx([0.9, 0.8, 0.7])


def test_faces_are_told_in_pixels_of_the_image():
    engine = Engine(s32=[(2, 3, seen(landmarks=[1.0] * 10))])
    [face] = YuNet(engine).detect(make_pixels(1280, 960))
    assert engine.batch.shape == (1, 3, 480, 640)
    assert face.box == pytest.approx((64, 0, 320, 256))
    assert [type(each) for each in face.box] == [float] * 4
    assert face.landmarks.dtype == np.float32
    np.testing.assert_allclose(face.landmarks, [[256, 192]] * 5)
