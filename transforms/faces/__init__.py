"""From pixels to a vector: packs, detectors, recognisers, engines, alignment."""

import os

# ONNX Runtime would tell its makers of each process and model, and keep that under ~/.cache until
# it can. It looks when it is imported, so before any module of ours that imports it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
