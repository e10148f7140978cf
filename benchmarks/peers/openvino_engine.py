"""The OpenVINO engine of the peers: float32, as a competent user would set it."""

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray


class OpenVinoEngine:
    """Runs one graph, with a core for each of so many threads that call it at once."""

    def __init__(self, graph: Path, callers: int) -> None:
        self._model = openvino.Core().compile_model(
            graph,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32",
                "INFERENCE_NUM_THREADS": callers,
                "NUM_STREAMS": callers,
                "ENABLE_CPU_PINNING": False,  # each process would pin itself to the first core
            },
        )
        self._own = threading.local()

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Gives the graph's outputs by name."""
        if not hasattr(self._own, "request"):
            self._own.request = self._model.create_infer_request()
        outputs = self._own.request.infer({0: batch})
        return {output.any_name: values for output, values in outputs.items()}
