"""The OpenVINO engine, on the CPU."""

import threading
from collections.abc import Mapping

import numpy as np
import onnx
import openvino
from numpy.typing import NDArray

from schemas.options import Precision
from transforms.faces.base import Share

# Has OpenVINO make its table of types now. Two threads that are the first to need it would wait for
# each other for ever, one for the table and one for Python's lock.
openvino.Type.f32.to_dtype()

_HINTS = {Precision.FLOAT32: "f32", Precision.BFLOAT16: "bf16"}


def has_bfloat16() -> bool:
    """True where the processor multiplies bfloat16; elsewhere OpenVINO would only pretend to."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoEngine:
    """Runs one graph, `share.calls` of it at a time."""

    def __init__(self, graph: bytes, share: Share, precision: Precision) -> None:
        core = openvino.Core()
        self._compiled = core.compile_model(
            core.read_model(graph),
            "CPU",
            {
                "NUM_STREAMS": share.calls,
                "INFERENCE_NUM_THREADS": share.calls * share.threads,
                # Pinned, the graphs of two models would wait for the same cores.
                "ENABLE_CPU_PINNING": False,
                "INFERENCE_PRECISION_HINT": _HINTS[precision],
            },
        )
        # OpenVINO keeps their order, but knows a value by each name it has on its way.
        self._outputs = [each.name for each in onnx.load_from_string(graph).graph.output]
        self._requests = threading.local()

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Gives the graph's outputs by name, in its order."""
        request = getattr(self._requests, "own", None)
        if request is None:  # one a thread: a request runs one batch at a time
            request = self._requests.own = self._compiled.create_infer_request()
        # The batch is read where it lies; the outputs are copied, for the request is used again.
        found = request.infer({0: batch}, share_inputs=True)
        return dict(zip(self._outputs, found.to_tuple(), strict=True))
