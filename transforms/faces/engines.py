"""Decides which engine runs a graph: the one asked for, or the fastest that is exact here."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import UsageError
from schemas.options import EngineName, Inference, Precision
from transforms.faces.base import Engine, Share
from transforms.faces.onnx_engine import OnnxEngine, has_provider
from transforms.faces.openvino_engine import OpenVinoEngine, has_bfloat16

_EXACT = 0.99999  # the cosine of two engines' outputs above which only the rounding differs

# In `auto`'s order, before ONNX Runtime on the CPU. By what was measured, not by a trial at each
# start: two runs must find the same faces to the last digit. OpenVINO runs SFace in half the time,
# and YuNet, whose images are of any size, in a third more. TensorRT takes minutes to start.
_DETECTORS = (EngineName.CUDA,)
_RECOGNISERS = (EngineName.CUDA, EngineName.OPENVINO)

_LOG = logging.getLogger(__name__)


def check_inference(inference: Inference) -> None:
    """Raises UsageError where this machine, or the engine, cannot do that."""
    engine, precision = inference.engine, inference.precision
    if engine in (EngineName.CUDA, EngineName.TENSORRT) and not has_provider(engine):
        raise UsageError(
            f"--engine {engine}: the ONNX Runtime that is installed has no such provider; install "
            "onnxruntime-gpu in place of onnxruntime, or leave --engine out"
        )
    if precision is Precision.BFLOAT16:
        if engine not in (EngineName.AUTO, EngineName.OPENVINO):
            raise UsageError(
                f"--precision {precision}: --engine {engine} has none; expected openvino or auto"
            )
        if not has_bfloat16():
            raise UsageError(
                f"--precision {precision}: this processor has no bfloat16 arithmetic "
                "(AVX512_BF16 or AMX); leave it out"
            )


def start_detector(
    graph: bytes, example: NDArray[np.float32], inference: Inference, share: Share
) -> Engine:
    """Gives the engine, in float32 always: what is found must not depend on the recogniser's.

    example: a batch to see on whether an engine is exact. Raises UsageError, and whatever the
    engine that was asked for raises for the graph.
    """
    return _start(graph, example, inference.engine, _DETECTORS, share)


def start_recogniser(
    graph: bytes, example: NDArray[np.float32], inference: Inference, share: Share
) -> Engine:
    """Gives the engine. Arguments and errors are those of a detector's."""
    check_inference(inference)
    if inference.precision is Precision.BFLOAT16:
        return OpenVinoEngine(graph, share, inference.precision)
    return _start(graph, example, inference.engine, _RECOGNISERS, share)


def _start(
    graph: bytes,
    example: NDArray[np.float32],
    asked: EngineName,
    order: Sequence[EngineName],
    share: Share,
) -> Engine:
    if asked is not EngineName.AUTO:
        return _engine(asked, graph, share)
    for name in order:
        if name is EngineName.CUDA and not has_provider(name):
            continue
        try:
            # The reference is gone before the next engine holds all weights once more.
            expected = OnnxEngine(graph, share.threads).run(example)
            engine = _engine(name, graph, share)
            exact = _is_same(engine.run(example), expected)
        except Exception as error:  # no class of their own for a graph or machine they cannot do
            _LOG.info("%s cannot run it: %s", name, type(error).__name__)
            continue
        if exact:
            return engine
        _LOG.info("%s is not exact here", name)
    return OnnxEngine(graph, share.threads)


def _engine(name: EngineName, graph: bytes, share: Share) -> Engine:
    if name is EngineName.OPENVINO:
        return OpenVinoEngine(graph, share, Precision.FLOAT32)
    return OnnxEngine(graph, share.threads, name)


def _is_same(outputs: Mapping[str, NDArray[Any]], reference: Mapping[str, NDArray[Any]]) -> bool:
    pairs = zip(outputs.values(), reference.values(), strict=True)
    return all(_cosine(one.ravel(), other.ravel()) >= _EXACT for one, other in pairs)


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else float(np.array_equal(one, other))
