"""The ONNX Runtime engine."""

from collections.abc import Mapping

import numpy as np
import onnxruntime
from numpy.typing import NDArray

PROVIDERS = ["CPUExecutionProvider"]


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Gives how all graphs run: so many threads each, and nothing on stderr."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # An idle pool that spins takes the core from the worker beside it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


class OnnxEngine:
    """Runs one graph on the CPU with a fixed number of threads."""

    def __init__(self, graph: bytes, threads: int) -> None:
        self._session = onnxruntime.InferenceSession(
            graph, session_options(threads), providers=PROVIDERS
        )
        self._input = self._session.get_inputs()[0].name
        self._outputs = [each.name for each in self._session.get_outputs()]

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Gives the graph's outputs by name."""
        return dict(zip(self._outputs, self._session.run(None, {self._input: batch}), strict=True))
