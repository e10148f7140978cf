"""What the pipeline itself costs a row, beside the picture: null pack, null or embedded store.

    python -m benchmarks.overhead [--rows 2000 12000] [--rounds 5]

Every figure is the slope between two sizes of the same input, so that what a run costs once (its
start, the pipeline's) is left out, and the median over rounds in which all cases take turns.

`command` is all of `run()` that grows with the rows: planning, resolving duplicate ids, reading,
parsing, checking, Base64 and SHA-256, looking up, batches, points, writing, result records and
counting them. `bare` is a loop that only reads the same file and parses its rows. `picture` is a
loop over what a pack is for, on the same 16x16 photo, in as many threads as there are workers:
`decode`, the null pack's detector, `align` and its recogniser. Overhead is the command less the
picture. Workers are threads of one process: what is Python in a row takes no less of the wall's
time with two of them.
"""

import argparse
import gzip
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pyarrow.parquet as pq

from benchmarks.fresh_store import fresh_store
from benchmarks.machine import machine
from benchmarks.payloads import COLLECTION, people, tiny_photo, write_payload
from pipelines.config import EnrollConfig
from pipelines.enroll import run
from schemas.options import FaceStorageType
from tests.fakes import NullPack, NullStoreSpec
from transforms.embed_faces import unit
from transforms.faces.alignment import align
from transforms.faces.base import Share
from transforms.imaging import checked_size, decode
from transforms.stores.base import StoreSpec
from transforms.worker import prepare_process

FORMS = {
    "Parquet, row groups of 128": "groups.parquet",
    "Parquet, one row group": "one.parquet",
    "JSONL": "lines.jsonl",
    "JSONL, gzip": "lines.jsonl.gz",
}
STORES = ("null", "embedded")
WORKERS = (1, 2)
MAX_PIXELS = 50_000_000


class Cost(NamedTuple):
    """Microseconds."""

    wall: float
    cpu: float


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs=2, type=int, default=(2_000, 12_000))
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found: dict[tuple[str, str, int], list[Cost]] = defaultdict(list)
    prepare_process()
    with TemporaryDirectory() as folder:
        top = Path(folder)
        for rows in arguments.rows:
            for file in FORMS.values():
                persons = people(rows, [tiny_photo()])
                write_payload(top / f"{rows}-{file}", persons, 128 if "groups" in file else rows)
        for _ in range(arguments.rounds):
            for workers in WORKERS:
                found["", "picture", workers].append(
                    _slope(arguments.rows, lambda rows, workers=workers: _pictures(rows, workers))
                )
            for file in FORMS.values():
                found[file, "bare", 1].append(
                    _slope(arguments.rows, lambda rows, file=file: _read(top / f"{rows}-{file}"))
                )
                for store in STORES:
                    for workers in WORKERS:
                        found[file, store, workers].append(
                            _slope(
                                arguments.rows,
                                lambda rows, file=file, store=store, workers=workers: _enroll(
                                    top / f"{rows}-{file}", store, workers
                                ),
                            )
                        )
    _print({key: _median(costs) for key, costs in found.items()})


def _slope(rows: tuple[int, int], work: Callable[[int], None]) -> Cost:
    """Gives what one more row costs."""
    few, many = (_cost(lambda n=n: work(n)) for n in rows)
    return Cost(*((b - a) / (rows[1] - rows[0]) for a, b in zip(few, many, strict=True)))


def _cost(work: Callable[[], None]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost((time.perf_counter() - wall) * 1e6, (time.process_time() - cpu) * 1e6)


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(each) for each in zip(*costs, strict=True)))


def _pictures(rows: int, workers: int) -> None:
    with ThreadPoolExecutor(workers) as threads:
        list(threads.map(_some_pictures, [rows // workers] * workers))


def _some_pictures(number: int) -> None:
    photo, model = tiny_photo(), NullPack().load(Share(1, 1))
    for _ in range(number):
        checked_size(photo, MAX_PIXELS)
        pixels = decode(photo)
        [face] = model.detector.detect(pixels)
        crop = align(pixels, face.landmarks, model.recogniser.crop_px)
        unit(model.recogniser.embed([crop])[0])


def _read(path: Path) -> None:
    if path.suffix == ".parquet":
        for batch in pq.ParquetFile(path).iter_batches(64):
            batch.to_pylist()
    else:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for line in lines:
                json.loads(line)


def _enroll(path: Path, store: str, workers: int) -> None:
    with TemporaryDirectory() as folder:
        pack = NullPack()
        spec: StoreSpec = NullStoreSpec()
        if store == "embedded":
            spec = fresh_store(f"{folder}/store", COLLECTION, pack.stamp)
        config = EnrollConfig(
            inputs=(str(path),),
            collection=COLLECTION,
            face_storage_type=FaceStorageType.NO_STORAGE,
            run_dir=f"{folder}/run",
            workers=workers,
        )
        report = run(config, pack, spec)
    assert report.account.enrolled == report.account.rows_read > 0, report


def _print(found: dict[tuple[str, str, int], Cost]) -> None:
    print(f"{machine()}\nmicroseconds a row\n")
    columns = ("bare cpu", "command wall", "cpu", "picture wall", "cpu", "overhead wall", "cpu")
    print(f"{'input; store, workers':<48}" + "".join(f"{each:>15}" for each in columns))
    for name, file in FORMS.items():
        for store in STORES:
            for workers in WORKERS:
                command, picture = found[file, store, workers], found["", "picture", workers]
                overhead = (command.wall - picture.wall, command.cpu - picture.cpu)
                figures = (found[file, "bare", 1].cpu, *command, *picture, *overhead)
                case = f"{name}; {store} store, {workers}"
                print(f"{case:<48}" + "".join(f"{each:>15.0f}" for each in figures))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
