"""One enrollment of large photos in this process: what it took, and how each photo ended.

    python -m benchmarks.photos_job PAYLOAD.parquet full|reduced reject|largest|center

With the default pack, loaded before the clock starts, and an embedded store. Prints one JSON
object; `benchmarks/photos.py` compares them.
"""

import json
import sys
from contextlib import nullcontext
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from benchmarks.fresh_store import fresh_store
from benchmarks.loaded import Spent, loaded, timed_run
from pipelines.account import record_lines
from pipelines.config import EnrollConfig
from schemas.ids import point_id
from schemas.options import FaceStorageType, MultipleFaces, Rules
from schemas.report import Report
from transforms import scales
from transforms.faces.opencv_zoo import OpenCvZoo
from transforms.stores.connect import connected, store_spec
from transforms.worker import cores

COLLECTION = "photos"
WAYS = ("full", "reduced")


def main() -> None:
    """Runs the job."""
    payload, way, policy = sys.argv[1:]
    pack = loaded(OpenCvZoo(), cores())
    with TemporaryDirectory() as folder:
        store = f"{folder}/store"
        spec = fresh_store(store, COLLECTION, pack.stamp)
        config = EnrollConfig(
            inputs=(payload,),
            collection=COLLECTION,
            face_storage_type=FaceStorageType.NO_STORAGE,
            rules=Rules(multiple_faces=MultipleFaces(policy)),
            store=store,
            run_dir=f"{folder}/run",
        )
        with patch.object(scales, "_REDUCTIONS", ()) if way == "full" else nullcontext():
            report, spent = timed_run(config, pack, spec)
        print(json.dumps({**figures(report, spent), "ends": ends(config)}))


def figures(report: Report, spent: Spent) -> dict[str, float]:
    """Gives the rate, and the milliseconds a photo: of CPU, and of each stage."""
    rows = report.account.rows_read
    stages = {name: seconds / rows * 1e3 for name, seconds in spent.stages.items()}
    return {
        "photos/s": rows / spent.seconds,
        "CPU ms": spent.cpu_seconds / rows * 1e3,
        "peak MB": report.peak_memory_bytes / 1e6,
        **{f"{name} ms": ms for name, ms in stages.items()},
    }


def ends(config: EnrollConfig) -> dict[str, Any]:
    """Gives code and detail of each photo, and the box and vector of those that were stored."""
    found = {}
    with connected(store_spec(config.store)) as handle:
        for line in record_lines(config.run_folder):
            record = json.loads(line)
            person = record["metadata"]["person_id"]
            point = handle.get(COLLECTION, point_id(person))
            face = point and {"box": point.payload["box"], "vector": point.vector.tolist()}
            found[person] = {
                "code": record["code"],
                "detail": record["metadata"].get("detail"),
                "face": face,
            }
    return found


if __name__ == "__main__":
    main()
