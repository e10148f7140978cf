"""Reading one large body, pass by pass, against `json.load`, which holds all of it.

    python -m benchmarks.bodies [--gigabytes 1]

Every run is a process of its own; both take turns, and the median is shown.
"""

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.duplicates import without_duplicates
from pipelines.find_inputs import find_inputs
from pipelines.measurements import peak_memory_bytes
from pipelines.plan_splits import plan_splits
from schemas.options import OnDuplicateId
from transforms.inputs.found import Reading
from transforms.read_rows import read_split

MAX_ROW_BYTES = 64_000_000
IMAGE_BYTES = 60_000
RUNS = 3


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "PATH"))
    arguments = parser.parse_args()
    if arguments.child:
        what, path = arguments.child
        measured = _bare(path) if what == "json.load" else _passes(path)
        print(json.dumps(measured | {"peak": peak_memory_bytes() / 1e6}))
        return
    with TemporaryDirectory() as folder:
        path = str(Path(folder, "body.json"))
        write_body(path, arguments.gigabytes * 1e9)
        size = os.path.getsize(path) / 1e6
        runs = [(what, _child(what, path)) for _ in range(RUNS) for what in ("json.load", "muster")]
    print(f"{f'a body of {size:,.0f} MB':<40}{'s':>8}{'MB/s':>8}{'peak MB':>9}")
    for what in ("json.load", "muster"):
        found = [each for name, each in runs if name == what]
        peak = statistics.median(each["peak"] for each in found)
        for step in [each for each in found[0] if each != "peak"]:
            seconds = statistics.median(each[step] for each in found)
            print(f"{f'{what}: {step}':<40}{seconds:>8.2f}{size / seconds:>8.0f}{peak:>9.0f}")


def _child(what: str, path: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bodies", "--child", what, path]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _bare(path: str) -> dict[str, float]:
    began = time.perf_counter()
    with open(path, "rb") as file:
        number = len(json.load(file)["persons"])
    return {f"{number:,} persons at once": time.perf_counter() - began}


def _passes(path: str) -> dict[str, float]:
    times = [time.perf_counter()]
    plan = plan_splits(find_inputs([path]), {}, MAX_ROW_BYTES, rows_expected=False)
    times.append(time.perf_counter())
    reading = Reading(MAX_ROW_BYTES, bodies_into={"memory": None})
    with TemporaryDirectory() as folder:
        without_duplicates(plan, reading, OnDuplicateId.LAST, Path(folder, "losers"))
    times.append(time.perf_counter())
    rows = sum(1 for split in plan.splits for _ in read_split(reading, split))
    times.append(time.perf_counter())
    assert rows == plan.rows
    steps = ("looking through it", "finding duplicate ids", "reading its persons")
    spent = {step: times[n + 1] - times[n] for n, step in enumerate(steps)}
    return {**spent, "all three": times[-1] - times[0]}


def write_body(path: str, size: float) -> None:
    """Writes persons of random bytes until there are so many bytes."""
    faces = [base64.b64encode(os.urandom(IMAGE_BYTES)).decode() for _ in range(50)]
    with open(path, "w") as file:
        file.write('{"persons": [')
        number = 0
        while file.tell() < size:
            person = {"person_id": f"id-{number}", "person_name": f"Name {number}"}
            person["face_base_64"] = faces[number % len(faces)]
            file.write(", " * (number > 0) + json.dumps(person))
            number += 1
        file.write('], "face_storage_type": "NoStorage", "collection_name": "memory"}')


if __name__ == "__main__":
    main()
