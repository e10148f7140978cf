"""The YuNet detector (OpenCV Zoo, 2023mar).

Preprocessing: BGR 0..255, longest side at most 640 px (area interpolation; from less than twice
that, fitted to twice that before), zeros at the right and the bottom up to a multiple of 32.
Source: OpenCV's FaceDetectorYN.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from schemas.records import Face, UInt8Image
from transforms.faces.base import Engine

SCORE_THRESHOLD = 0.6
OVERLAP_THRESHOLD = 0.3
_STRIDES = (8, 16, 32)
_PADDING_PX = 32
_SIZES = {"score": 1, "bbox": 4, "kps": 10}  # of the joined graph's outputs, a cell
_CONSTANTS = {"least": 0.0, "most": 1.0, "threshold": SCORE_THRESHOLD}


class YuNet:
    """Finds faces and their five landmarks."""

    longest_side_px = 640

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def detect(self, pixels: UInt8Image) -> Sequence[Face]:
        """Gives faces of score > 0.6, best first. pixels: (height, width, 3) RGB."""
        batch, scale = prepare(pixels)
        outputs = self._engine.run(batch)
        boxes, landmarks, scores = decode(outputs, *batch.shape[2:])
        kept = _without_overlaps(boxes, scores) if len(boxes) > 1 else range(len(boxes))
        return [_face(boxes[i] / scale, landmarks[i] / scale, scores[i]) for i in kept]


def prepare(pixels: UInt8Image) -> tuple[NDArray[np.float32], float]:
    """Gives the network's input (1, 3, h, w) and the scale from the image to it."""
    height, width = pixels.shape[:2]
    scale = min(1.0, YuNet.longest_side_px / max(height, width))
    if scale < 1.0:
        pixels = _smaller(pixels, (max(1, round(width * scale)), max(1, round(height * scale))))
        height, width = pixels.shape[:2]
    padded = (-(-height // _PADDING_PX) * _PADDING_PX, -(-width // _PADDING_PX) * _PADDING_PX)
    planes = np.empty((3, height, width), dtype=np.uint8)
    cv2.split(pixels, list(planes[::-1]))
    batch = np.zeros((1, 3, *padded), dtype=np.float32)
    batch[0, :, :height, :width] = planes
    return batch, scale


def _smaller(pixels: UInt8Image, size: tuple[int, int]) -> UInt8Image:
    """Gives the image at a smaller size (width, height), each pixel the mean of what it covers."""
    twice = (2 * size[0], 2 * size[1])
    if pixels.shape[1] < twice[0]:  # to fit and then halve takes less than half of the time
        pixels = np.asarray(cv2.resize(pixels, twice), dtype=np.uint8)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def joined(graph: bytes) -> bytes:
    """Gives the graph with outputs for all strides: score (1, n, 1), bbox (.., 4), kps (.., 10).

    Of the n cells above the threshold only; found: (n,) int64, which they are. numpy would let go
    of Python's lock for each of these steps, and workers would wait for it. score_all: (1, m, 1) of
    all cells, by which engines are compared, for no cell of an example need be above.
    """
    proto = onnx.load_from_string(graph)
    constants = [
        helper.make_tensor(name, TensorProto.FLOAT, (), [value])
        for name, value in _CONSTANTS.items()
    ]
    constants.append(helper.make_tensor("cell_axis", TensorProto.INT64, (), [1]))
    nodes = [
        helper.make_node(
            "Concat", [f"{kind}_{stride}" for stride in _STRIDES], [f"{kind}_all"], axis=1
        )
        for kind in ("cls", "obj", "bbox", "kps")
    ]
    nodes += [
        helper.make_node("Mul", ["cls_all", "obj_all"], ["product"]),
        helper.make_node("Clip", ["product", "least", "most"], ["clipped"]),
        helper.make_node("Sqrt", ["clipped"], ["score_all"]),
        helper.make_node("Greater", ["score_all", "threshold"], ["above"]),
        helper.make_node("NonZero", ["above"], ["places"]),
        helper.make_node("Gather", ["places", "cell_axis"], ["found"], axis=0),
    ]
    nodes += [
        helper.make_node("Gather", [f"{kind}_all", "found"], [kind], axis=1) for kind in _SIZES
    ]
    outputs = [
        helper.make_tensor_value_info(kind, TensorProto.FLOAT, (1, "faces", size))
        for kind, size in _SIZES.items()
    ]
    outputs.append(helper.make_tensor_value_info("found", TensorProto.INT64, ("faces",)))
    outputs.append(helper.make_tensor_value_info("score_all", TensorProto.FLOAT, (1, "cells", 1)))
    proto.graph.initializer.extend(constants)
    proto.graph.node.extend(nodes)
    proto.graph.ClearField("output")
    proto.graph.output.extend(outputs)
    return bytes(proto.SerializeToString())


def decode(
    outputs: Mapping[str, NDArray[Any]], height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Gives the faces above the threshold, overlapping ones too, in pixels of the network's input.

    outputs: of the joined graph. height, width: of its input. Boxes (n, 4) x1 y1 x2 y2, landmarks
    (n, 5, 2) and scores (n,).
    """
    scores, bbox, kps = (outputs[kind][0] for kind in _SIZES)
    cells = _cells(height, width)[outputs["found"]]
    corner, stride = cells[:, :2], cells[:, 2:]
    centre, half = (corner + bbox[:, :2]) * stride, np.exp(bbox[:, 2:]) * (stride / 2)
    landmarks = (kps.reshape(-1, 5, 2) + corner[:, None]) * stride[:, None]
    return np.concatenate([centre - half, centre + half], axis=1), landmarks, scores[:, 0]


def _without_overlaps(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> Sequence[int]:
    """Gives the places of those that stay, best first."""
    widths = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    return cv2.dnn.NMSBoxes(widths.tolist(), scores.tolist(), SCORE_THRESHOLD, OVERLAP_THRESHOLD)


@lru_cache(maxsize=64)  # as many sizes as large photos have, all of one length; 100 KB each
def _cells(height: int, width: int) -> NDArray[np.float32]:
    """Gives (n, 3) of the outputs' cells: column, row, and the stride in pixels."""
    levels = []
    for stride in _STRIDES:
        rows, columns = np.indices((height // stride, width // stride), dtype=np.float32)
        levels.append(np.stack([columns, rows, np.full_like(rows, stride)], axis=-1).reshape(-1, 3))
    return np.concatenate(levels)


def _face(box: NDArray[np.float32], landmarks: NDArray[np.float32], score: np.float32) -> Face:
    x1, y1, x2, y2 = (float(each) for each in box)
    return Face((x1, y1, x2, y2), landmarks.astype(np.float32), float(score))
