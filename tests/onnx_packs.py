"""Packs of the InsightFace library that cost next to nothing: their graphs look at brightness."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from insightface.model_zoo import get_model
from onnx import TensorProto, helper, numpy_helper

from schemas.records import UInt8Image
from transforms.faces.alignment import TEMPLATE
from transforms.faces.graphs import fold_quantised
from transforms.faces.opencv_zoo import OpenCvZoo

CELL_PX = 32
_STRIDES = (8, 16, CELL_PX)
_ANCHORS = 2
_BOX = np.full(4, 0.5)
_LANDMARKS = ((TEMPLATE - 56) / 112).ravel()


def scrfd_graph(
    side: int | str = 128, *, landmarks: bool = True, as_published: bool = False
) -> bytes:
    """Gives a graph with SCRFD's inputs and outputs: a bright cell of 32 px is a face.

    The score is the cell's brightness, -1 to 1; the box is as large as the cell, its middle where
    the cell begins. side: of the square input, or a name where it is free. as_published: outputs
    without a batch, declared as those of 640 px whatever the input, as in the library's own packs.
    """
    leading = [] if as_published else [1]
    nodes, weights, outputs = [], [], []

    def head(name: str, stride: int, kernel: Any, bias: Any) -> None:
        """One output: a convolution by cells, its values laid out anchor by anchor."""
        values = np.asarray(bias, np.float32)
        kernels = np.broadcast_to(
            np.asarray(kernel, np.float32).reshape(-1, 1, 1, 1), (values.size, 3, stride, stride)
        )
        weights.append(numpy_helper.from_array(np.ascontiguousarray(kernels), f"{name}_w"))
        weights.append(numpy_helper.from_array(values, f"{name}_b"))
        size = values.size // _ANCHORS
        weights.append(numpy_helper.from_array(np.array([*leading, -1, size]), f"{name}_s"))
        conv = ["image", f"{name}_w", f"{name}_b"]
        nodes.extend(
            [
                helper.make_node("Conv", conv, [f"{name}_c"], strides=[stride, stride]),
                helper.make_node("Transpose", [f"{name}_c"], [f"{name}_t"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"{name}_t", f"{name}_s"], [name]),
            ]
        )
        told = 640 if as_published else side
        cells = (told // stride) ** 2 * _ANCHORS if isinstance(told, int) else f"{name}_cells"
        shape = [*leading, cells, size]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    for stride in _STRIDES:
        looks = 1 / (3 * stride * stride) if stride == CELL_PX else 0.0
        bias = [0.0, -1.0] if stride == CELL_PX else [-1.0, -1.0]
        head(f"score_{stride}", stride, [looks, 0.0], bias)
    for stride in _STRIDES:
        head(f"bbox_{stride}", stride, np.zeros(8), np.tile(_BOX, _ANCHORS))
    for stride in _STRIDES if landmarks else ():
        head(f"kps_{stride}", stride, np.zeros(20), np.tile(_LANDMARKS, _ANCHORS))
    return _model("image", [1, 3, side, side], nodes, outputs, weights)


def mean_colour_graph(
    batch: int | str = "batch",
    side: int = 112,
    dtype: int = TensorProto.FLOAT,
    *,
    last: Sequence[onnx.NodeProto] | None = None,
    weights: Sequence[onnx.TensorProto] = (),
    told: Sequence[int] | None = None,
) -> bytes:
    """Gives a recogniser whose vector is the mean of red, of green and of blue.

    dtype: of the crops. last: instead of flattening (n, 3, 1, 1) `means` to `vectors`. told: the
    shape that these are declared to have.
    """
    flatten = helper.make_node("Flatten", ["means"], ["vectors"])
    nodes = [
        helper.make_node("Cast", ["crops"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("GlobalAveragePool", ["floats"], ["means"]),
        *([flatten] if last is None else last),
    ]
    outputs = [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, told)]
    return _model("crops", [batch, 3, side, side], nodes, outputs, weights, dtype)


def swapper_graph() -> bytes:
    """Gives a graph of the library's third kind, with a face and a vector: it is no recogniser."""
    value = helper.make_tensor_value_info
    face, vector = [1, 3, 128, 128], [1, 512]
    nodes = [
        helper.make_node("ReduceMean", ["source"], ["shade"], axes=[0, 1], keepdims=0),
        helper.make_node("Add", ["target", "shade"], ["swapped"]),
    ]
    graph = helper.make_graph(
        nodes,
        "swapper",
        [value("target", TensorProto.FLOAT, face), value("source", TensorProto.FLOAT, vector)],
        [value("swapped", TensorProto.FLOAT, face)],
        [numpy_helper.from_array(np.eye(512, dtype=np.float32), "emap")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def sface_graph() -> bytes:
    """Gives the real SFace, folded."""
    pack = OpenCvZoo()
    return fold_quantised(pack._read(pack.recogniser))


def _model(
    name: str,
    shape: Sequence[int | str],
    nodes: Sequence[onnx.NodeProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Sequence[onnx.TensorProto],
    dtype: int = TensorProto.FLOAT,
) -> bytes:
    inputs = [helper.make_tensor_value_info(name, dtype, shape)]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def write_pack(
    folder: Path,
    detector: bytes | None = None,
    recogniser: bytes | None = None,
    manifest: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a pack without a manifest, or with one of these tasks."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "det.onnx").write_bytes(scrfd_graph() if detector is None else detector)
    (folder / "rec.onnx").write_bytes(mean_colour_graph() if recogniser is None else recogniser)
    if manifest is not None:
        document = {"manifest_version": 2, "model_id": "tiny", "license": "MODEL.LICENSE"}
        (folder / "manifest.json").write_text(json.dumps({**document, "tasks": manifest}))
    return folder


def library_model(folder: Path, graph: bytes) -> Any:
    """Gives what the library makes of a graph."""
    path = folder / "graph.onnx"
    path.write_bytes(graph)
    return get_model(str(path), providers=["CPUExecutionProvider"])


def bright_cell(width: int = 128, height: int = 128, row: int = 1, column: int = 2) -> UInt8Image:
    """Gives black pixels with one cell of orange, which makes one face in an input of 128 px."""
    pixels = np.zeros((height, width, 3), np.uint8)
    cell = np.s_[row * CELL_PX : (row + 1) * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX]
    pixels[cell] = (255, 250, 200)
    return pixels
