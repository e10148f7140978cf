"""Whether the number of workers changes what becomes of a row.

    python -m benchmarks.workers PHOTOS.parquet [--workers 1 2 4]

Enrolls the payload with each number of workers into a store of its own, and compares every record
and every vector with those of the first.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.fresh_store import fresh_store
from benchmarks.machine import machine
from pipelines.account import record_lines
from pipelines.config import EnrollConfig
from pipelines.enroll import run
from schemas.options import DEFAULT_PACK, FaceStorageType
from schemas.records import Vector
from transforms.faces.catalogue import find_pack
from transforms.stores.connect import connected

COLLECTION = "photos"


@dataclass(frozen=True, slots=True)
class Left:
    """What a run leaves: the record of each source and row, and each stored person's vector."""

    records: Mapping[tuple[str, str], object]
    vectors: Mapping[str, Vector]
    rows_per_second: float


def main() -> None:
    """Prints a line for each number of workers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", metavar="PHOTOS.parquet", type=Path)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    arguments = parser.parse_args()
    print(machine())
    expected = None
    for workers in arguments.workers:
        left = enrolled(arguments.photos, workers)
        expected = expected or left
        print(f"{workers} workers, {left.rows_per_second:.1f} rows/s: {compared(expected, left)}")


def enrolled(photos: Path, workers: int) -> Left:
    """Enrolls the payload, and reads back what that left."""
    with TemporaryDirectory() as folder:
        spec = fresh_store(f"{folder}/store", COLLECTION, find_pack(DEFAULT_PACK).stamp)
        config = EnrollConfig(
            inputs=(str(photos),),
            run_dir=f"{folder}/run",
            collection=COLLECTION,
            face_storage_type=FaceStorageType.NO_STORAGE,
            workers=workers,
        )
        report = run(config, store=spec)
        records = [json.loads(line) for line in record_lines(config.run_folder)]
        with connected(spec) as store:
            points = [
                store.get(COLLECTION, each["metadata"]["point_id"])
                for each in records
                if each["code"] == "OK"
            ]
    return Left(
        {(each["metadata"]["source"], each["metadata"]["row"]): each for each in records},
        {each.payload["person_id"]: each.vector for each in points if each is not None},
        report.rows_per_second,
    )


def compared(expected: Left, left: Left) -> str:
    """Says in how many records both differ, and how far vectors are apart at most."""
    rows = expected.records.keys() | left.records.keys()
    other = sum(expected.records.get(row) != left.records.get(row) for row in rows)
    persons = expected.vectors.keys() | left.vectors.keys()
    if persons - (expected.vectors.keys() & left.vectors.keys()):
        return f"{len(rows)} rows, {other} with another outcome; other persons are stored"
    least = min(float(np.dot(expected.vectors[each], left.vectors[each])) for each in persons)
    return (
        f"{len(rows)} rows, {other} with another outcome; "
        f"{len(persons)} vectors, least cosine {least:.7f}"
    )


if __name__ == "__main__":
    main()
