"""What was asked of a run: `manifest.json`, without any secret."""

import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipelines.config import EnrollConfig
from pipelines.plan_splits import Plan
from schemas.errors import Code
from schemas.inputs import BodyHead
from transforms.faces.base import Pack
from transforms.inputs.bodies import refusal
from transforms.stores.base import StoreSpec

# Those of them that there are: one may stand in for another, as onnxruntime-gpu does.
_PACKAGES = (
    "muster",
    "apache-beam",
    "insightface",
    "onnxruntime",
    "onnxruntime-gpu",
    "opencv-python",
    "opencv-python-headless",
    "openvino",
    "pyarrow",
    "qdrant-client",
    "qdrant-edge-py",
    "numpy",
    "pillow",
)


def manifest(
    config: EnrollConfig,
    pack: Pack,
    store: StoreSpec,
    plan: Plan,
    bodies_into: Mapping[str, Code | None],
) -> dict[str, Any]:
    """Gives the object that is written first.

    Bodies without persons stand in it, for no record tells of them. bodies_into: see `Reading`.
    """
    options = asdict(config)
    # Beam's options may hold credentials of filesystems: their names are enough.
    options["beam_options"] = [
        each.partition("=")[0] for each in config.beam_options if each.startswith("-")
    ]
    return {
        "inputs": [asdict(each) for each in plan.inputs],
        "rows": plan.rows,
        "empty_requests": [
            {"source": source, "request": head.request, "code": _code(head, bodies_into)}
            for source, head in plan.requests.empty
        ],
        "options": options,
        "pack": {
            **pack.stamp.to_json(),
            "digest": pack.stamp.digest,
            "precision": pack.precision,
        },
        "store": {"location": store.location, "embedded": store.embedded},
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _code(head: BodyHead, bodies_into: Mapping[str, Code | None]) -> str:
    fault = head.fault or refusal(head.collection, bodies_into)
    return "" if fault is None else str(fault.code)
