"""Decides which engine runs a graph: the one asked for, or the fastest that is exact here."""

import logging
import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.errors import UsageError
from schemas.options import EngineName, Inference, Precision
from transforms.faces.base import Engine, Share
from transforms.faces.onnx_engine import OnnxEngine, has_provider
from transforms.faces.openvino_engine import OpenVinoEngine, has_bfloat16

_EXACT = 0.99999  # the cosine of two engines' outputs above which only the rounding differs
_TRIALS = 3

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


def start_engine(
    graph: bytes, example: NDArray[np.float32], inference: Inference, share: Share
) -> Engine:
    """Gives the engine, ready to run. example: a batch for `auto` to try the engines on.

    Raises UsageError, and whatever the engine that was asked for raises for the graph.
    """
    check_inference(inference)
    if inference.precision is Precision.BFLOAT16:
        return OpenVinoEngine(graph, share, inference.precision)
    if inference.engine is EngineName.AUTO:
        return _fastest(graph, example, share)
    return _start(inference.engine, graph, share)


def _start(name: EngineName, graph: bytes, share: Share) -> Engine:
    if name is EngineName.OPENVINO:
        return OpenVinoEngine(graph, share, Precision.FLOAT32)
    return OnnxEngine(graph, share.threads, name)


def _fastest(graph: bytes, example: NDArray[np.float32], share: Share) -> Engine:
    """Gives the fastest of those whose outputs are ONNX Runtime's on the CPU.

    TensorRT is not tried: it takes minutes to start.
    """
    best: Engine = OnnxEngine(graph, share.threads)
    reference, best_s = best.run(example), _seconds(best, example)
    chosen = EngineName.ONNXRUNTIME
    for name in (EngineName.OPENVINO, EngineName.CUDA):
        if name is EngineName.CUDA and not has_provider(name):
            continue
        try:
            engine = _start(name, graph, share)
            exact = _is_same(engine.run(example), reference)
        except Exception as error:  # no class of their own for a graph or machine they cannot do
            _LOG.info("%s cannot run it: %s", name, type(error).__name__)
            continue
        if exact and (seconds := _seconds(engine, example)) < best_s:
            best, best_s, chosen = engine, seconds, name
    _LOG.info("%s runs the graph of %s", chosen, ", ".join(reference))
    return best


def _seconds(engine: Engine, example: NDArray[np.float32]) -> float:
    """Gives the time of one run: the least of some, for the others were disturbed."""
    taken = []
    for _ in range(_TRIALS):
        began = time.perf_counter()
        engine.run(example)
        taken.append(time.perf_counter() - began)
    return min(taken)


def _is_same(
    outputs: Mapping[str, NDArray[np.float32]], reference: Mapping[str, NDArray[np.float32]]
) -> bool:
    pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]] = list(
        zip(outputs.values(), reference.values(), strict=True)
    )
    return all(_cosine(one.ravel(), other.ravel()) >= _EXACT for one, other in pairs)


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else float(np.array_equal(one, other))
