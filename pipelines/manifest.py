"""What was asked of a run: `manifest.json`, without any secret."""

import platform
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from pipelines.config import EnrollConfig
from pipelines.plan_splits import Plan
from transforms.faces.base import Pack
from transforms.stores.base import StoreSpec

_PACKAGES = (
    "muster",
    "apache-beam",
    "onnxruntime",
    "opencv-python-headless",
    "pyarrow",
    "qdrant-client",
    "qdrant-edge-py",
    "numpy",
    "pillow",
)


def manifest(config: EnrollConfig, pack: Pack, store: StoreSpec, plan: Plan) -> dict[str, Any]:
    """Gives the object that is written first."""
    options = asdict(config)
    # Beam's options may hold credentials of filesystems: their names are enough.
    options["beam_options"] = [
        each.partition("=")[0] for each in config.beam_options if each.startswith("-")
    ]
    return {
        "inputs": [asdict(each) for each in plan.inputs],
        "rows": plan.rows,
        "options": options,
        "pack": {
            **pack.stamp.to_json(),
            "digest": pack.stamp.digest,
            "precision": pack.precision,
        },
        "store": {"location": store.location, "embedded": store.embedded},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }
