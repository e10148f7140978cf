"""The OpenVINO engine, on the CPU."""

import mmap
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import LifoQueue
from tempfile import TemporaryDirectory
from typing import Any

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
    """Runs one graph, `share.calls` of it at a time.

    Each of them is a model of its own, with weights of its own: only a model of one stream runs on
    the thread that calls it. One of several streams hands each batch to a thread beside, and both
    look for a core each time.
    """

    def __init__(self, graph: bytes, share: Share, precision: Precision) -> None:
        # OpenVINO keeps their order, but knows a value by each name it has on its way.
        self._outputs = [each.name for each in onnx.load_from_string(graph).graph.output]
        core = openvino.Core()
        # Held, for OpenVINO looks at them as long as its models are there.
        model, self._weights = _read(core, graph)
        settings = {
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": share.threads,
            # Pinned, the graphs of two models would wait for the same cores.
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
        }

        def start(_: int) -> openvino.InferRequest:
            return core.compile_model(model, "CPU", settings).create_infer_request()

        self._idle: LifoQueue[openvino.InferRequest] = LifoQueue()
        with ThreadPoolExecutor(share.calls) as starters:
            for request in starters.map(start, range(share.calls)):
                self._idle.put(request)
        if self._weights is not None:  # what is needed of them again comes back from the file
            self._weights.madvise(mmap.MADV_DONTNEED)

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[Any]]:
        """Gives the graph's outputs by name, in its order."""
        request = self._idle.get()
        try:
            # The batch is read where it lies; outputs are copied, for the request is used again.
            found = request.infer({0: batch}, share_inputs=True)
            return dict(zip(self._outputs, found.to_tuple(), strict=True))
        finally:
            self._idle.put(request)


def _read(core: openvino.Core, graph: bytes) -> tuple[openvino.Model, mmap.mmap | None]:
    """Gives the model, and its weights where they lie in a file that has no name any more.

    OpenVINO never lets go of them, though it runs on others that it makes of them: 40 MB of SFace's
    that need not be in memory. They are where no file can be made, or there are none.
    """
    with suppress(OSError, RuntimeError, ValueError), TemporaryDirectory() as folder:
        path = Path(folder, "graph.xml")
        openvino.save_model(core.read_model(graph), path, compress_to_fp16=False)
        with path.with_suffix(".bin").open("r+b") as file:
            weights = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        shared = openvino.Tensor(np.frombuffer(weights, np.uint8), shared_memory=True)
        return core.read_model(path.read_bytes(), shared), weights
    return core.read_model(graph), None
