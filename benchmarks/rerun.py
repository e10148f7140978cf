"""An unchanged re-run against the first run, with the real pack and the embedded store.

    python -m benchmarks.rerun [PAYLOAD.parquet] [--rows 20000] [--rounds 5]

Enrolls so many rows with photos of the payload's `face_base_64` (by default one of 14 KB that a
package ships) under new ids, then gives the same rows again, as Parquet and as JSONL. `bare` reads
them and does for each what no re-run can do without: the parsing, Base64, SHA-256 and the look-up,
64 at a time. All figures are of whole commands from Python, median over the rounds.
"""

import argparse
import hashlib
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import pybase64

from benchmarks.fresh_store import fresh_store
from benchmarks.machine import machine
from benchmarks.payloads import COLLECTION, people, photos_of, write_payload
from pipelines.config import EnrollConfig
from pipelines.enroll import run
from schemas.ids import point_id
from schemas.options import DEFAULT_PACK, FaceStorageType, MultipleFaces, Rules
from schemas.report import Report
from transforms.faces.base import Pack
from transforms.faces.catalogue import find_pack
from transforms.points import LOOK_UP_FIELDS
from transforms.stores.base import Store, StoreSpec

BATCH = 64
RULES = Rules(multiple_faces=MultipleFaces.LARGEST)  # a rejected photo is never unchanged
FORMS = {"Parquet": "people.parquet", "JSONL": "people.jsonl"}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("payload", nargs="?", type=Path)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rows, pack = arguments.rows, find_pack(DEFAULT_PACK)
    found: dict[str, list[tuple[float, float]]] = {}
    with TemporaryDirectory() as folder:
        top = Path(folder)
        for file in FORMS.values():
            write_payload(top / file, people(rows, photos_of(arguments.payload)))
        spec = fresh_store(str(top / "store"), COLLECTION, pack.stamp)

        def again(file: str) -> None:
            report = _enroll(top / file, pack, spec)
            assert report.account.unchanged == enrolled, report

        began = time.perf_counter()
        enrolled = _enroll(top / FORMS["Parquet"], pack, spec).account.enrolled
        first = (time.perf_counter() - began) / rows
        for _ in range(arguments.rounds):
            for name, file in FORMS.items():
                found.setdefault(f"bare, {name}", []).append(
                    _cost(lambda file=file: _bare(top / file, spec.open()))
                )
                found.setdefault(f"unchanged, {name}", []).append(
                    _cost(lambda file=file: again(file))
                )
    print(machine())
    print(f"{rows:,} rows, {enrolled:,} of them enrolled; first run {1 / first:,.0f} rows/s\n")
    print(f"{'':<22}{'us a row':>10}{'cpu us':>10}{'rows/s':>10}{'x the first run':>18}")
    for name, costs in found.items():
        wall, cpu = (statistics.median(each) / rows for each in zip(*costs, strict=True))
        figures = f"{wall * 1e6:>10.0f}{cpu * 1e6:>10.0f}{1 / wall:>10,.0f}{first / wall:>18.1f}"
        print(f"{name:<22}{figures}")


def _cost(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _enroll(path: Path, pack: Pack, store: StoreSpec) -> Report:
    with TemporaryDirectory() as folder:
        config = EnrollConfig(
            inputs=(str(path),),
            collection=COLLECTION,
            face_storage_type=FaceStorageType.NO_STORAGE,
            rules=RULES,
            run_dir=f"{folder}/run",
        )
        return run(config, pack, store)


def _bare(path: Path, store: Store) -> None:
    rows = _read(path)
    while some := list(islice(rows, BATCH)):
        for row in some:
            photo = pybase64.b64decode(row["face_base_64"], validate=True)
            hashlib.sha256(photo).hexdigest()
        store.look_up(COLLECTION, [point_id(each["person_id"]) for each in some], LOOK_UP_FIELDS)
    store.close()


def _read(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.suffix == ".parquet":
        for batch in pq.ParquetFile(path).iter_batches(BATCH):
            yield from batch.to_pylist()
    else:
        with path.open("rb") as lines:
            yield from map(json.loads, lines)


if __name__ == "__main__":
    main()
