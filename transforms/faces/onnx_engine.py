"""The ONNX Runtime engine, on the CPU or on an NVIDIA GPU."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from schemas.errors import UsageError
from schemas.options import EngineName

CPU = ["CPUExecutionProvider"]
# Without TF32, which rounds float32 products to 10 bits. What a GPU cannot run is left to the CPU.
_CUDA = ("CUDAExecutionProvider", {"use_tf32": "0"})
_PROVIDERS: Mapping[EngineName, Sequence[Any]] = {
    EngineName.ONNXRUNTIME: CPU,
    EngineName.CUDA: [_CUDA, *CPU],
    EngineName.TENSORRT: ["TensorrtExecutionProvider", _CUDA, *CPU],
}


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Gives how all graphs run: so many threads each, and nothing on stderr."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # An idle pool that spins takes the core from the worker beside it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def has_provider(name: EngineName) -> bool:
    """True where this build of ONNX Runtime has it. Whether the GPU is there shows on use."""
    return _first(name) in onnxruntime.get_available_providers()


class OnnxEngine:
    """Runs one graph with a fixed number of threads a call."""

    def __init__(
        self, graph: bytes, threads: int, name: EngineName = EngineName.ONNXRUNTIME
    ) -> None:
        """Raises UsageError where ONNX Runtime falls back to the CPU, or would."""
        if name is not EngineName.ONNXRUNTIME:
            _find_libraries()
        try:
            # By itself it would tell so on stdout, which is for results.
            self._session = onnxruntime.InferenceSession(
                graph, session_options(threads), providers=_PROVIDERS[name], enable_fallback=0
            )
        except (RuntimeError, ValueError) as error:
            if name is EngineName.ONNXRUNTIME:
                raise
            raise _unusable(name, str(error).partition("\n")[0][:200]) from error
        if (used := self._session.get_providers()[0]) != _first(name):
            raise _unusable(name, f"ONNX Runtime falls back to {used}")
        self._input = self._session.get_inputs()[0].name
        self._outputs = [each.name for each in self._session.get_outputs()]

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[Any]]:
        """Gives the graph's outputs by name, in its order."""
        return dict(zip(self._outputs, self._session.run(None, {self._input: batch}), strict=True))


@cache
def _find_libraries() -> None:
    """Loads CUDA's libraries where pip put them, which the system's loader does not look at."""
    with redirect_stdout(sys.stderr):
        onnxruntime.preload_dlls()


def _unusable(name: EngineName, seen: str) -> UsageError:
    return UsageError(
        f"--engine {name}: {seen}; expected an NVIDIA GPU with its driver and the libraries that "
        f"{_first(name)} needs"
    )


def _first(name: EngineName) -> str:
    provider = _PROVIDERS[name][0]
    return provider if isinstance(provider, str) else str(provider[0])
