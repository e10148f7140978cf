"""One enrollment of large photos in this process: what it took, and how each photo ended.

    python -m benchmarks.photos_job PAYLOAD.parquet full|reduced reject|largest|center

With the default pack, loaded before the clock starts, and an embedded store. Prints one JSON
object; `benchmarks/photos.py` compares them.
"""

import json
import sys
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipelines.config import EnrollConfig
from pipelines.enroll import run
from pipelines.run_folder import RESULTS
from schemas.ids import point_id
from schemas.options import FaceStorageType, MultipleFaces, Rules
from schemas.report import Report
from transforms import scales
from transforms.faces.opencv_zoo import OpenCvZoo
from transforms.stores.connect import store_spec
from transforms.worker import cores, inference_threads, prepare_process

COLLECTION = "photos"
WAYS = ("full", "reduced")


def main() -> None:
    """Runs the job."""
    payload, way, policy = sys.argv[1:]
    prepare_process()
    if way == "full":
        scales._REDUCTIONS = ()
    OpenCvZoo.load = cache(OpenCvZoo.load)
    pack = OpenCvZoo()
    pack.load(inference_threads(cores()))
    with TemporaryDirectory() as folder:
        store = f"{folder}/store"
        handle = store_spec(store).open()
        handle.create_collection(COLLECTION, pack.stamp)
        handle.close()
        config = EnrollConfig(
            inputs=(payload,),
            collection=COLLECTION,
            face_storage_type=FaceStorageType.NO_STORAGE,
            rules=Rules(multiple_faces=MultipleFaces(policy)),
            store=store,
            run_dir=f"{folder}/run",
        )
        began = time.process_time()
        report = run(config, pack=pack)
        cpu_s = time.process_time() - began
        print(json.dumps({**figures(report, cpu_s), "ends": ends(config)}))


def figures(report: Report, cpu_s: float) -> dict[str, float]:
    """Gives the rate, and the milliseconds a photo: of CPU, and of each stage."""
    rows = report.account.rows_read
    stages = {name: each["seconds"] / rows * 1e3 for name, each in report.stages.items()}
    return {
        "photos/s": report.rows_per_second,
        "CPU ms": cpu_s / rows * 1e3,
        "peak MB": report.peak_memory_bytes / 1e6,
        **{f"{name} ms": ms for name, ms in stages.items()},
    }


def ends(config: EnrollConfig) -> dict[str, Any]:
    """Gives code and detail of each photo, and the box and vector of those that were stored."""
    found = {}
    handle = store_spec(config.store).open()
    for path in sorted(Path(config.run_dir, RESULTS).iterdir()):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            person = record["metadata"]["person_id"]
            point = handle.get(COLLECTION, point_id(person))
            face = point and {"box": point.payload["box"], "vector": point.vector.tolist()}
            found[person] = {
                "code": record["code"],
                "detail": record["metadata"].get("detail"),
                "face": face,
            }
    handle.close()
    return found


if __name__ == "__main__":
    main()
