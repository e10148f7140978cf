"""What the pipeline itself costs a row, beside the picture: null pack, null or embedded store.

    python -m benchmarks.overhead [--rows 2000 12000] [--rounds 5]

Every figure is the slope between two sizes of the same input, so that what a run costs once (its
start, the pipeline's) is left out, and the median over rounds in which all cases take turns.

`command` is all of `run()` that grows with the rows: planning, resolving duplicate ids, reading,
parsing, checking, Base64 and SHA-256, looking up, batches, points, writing, result records and
counting them. `bare` is a loop that only reads the same file and parses its rows. `picture` is a
loop over what a pack is for, on the same 16x16 photo, in as many threads as there are workers:
`decode`, the null pack's detector, `align` and its recogniser. It is taken anew for each input, for
the machine may be another a minute later. Overhead is the command less the picture. Workers are
threads of one process: what is Python in a row takes no less of the wall's time with two of them.
"""

import argparse
import gzip
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pyarrow.parquet as pq

from benchmarks.fresh_store import fresh_store
from benchmarks.machine import machine, plain_python, plain_python_ms
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
BARE, PICTURE = "bare", "picture"
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
    plain_ms = []
    prepare_process()
    with TemporaryDirectory() as folder:
        top = Path(folder)
        for rows in arguments.rows:
            for file in FORMS.values():
                persons = people(rows, [tiny_photo()])
                a_group = 128 if "groups" in file else rows
                write_payload(_payload(top, file, rows), persons, a_group)
        for _ in range(arguments.rounds):
            for file in FORMS.values():
                plain_ms.append(plain_python_ms())
                for (name, workers), work in _cases(top, file).items():
                    found[file, name, workers].append(_slope(arguments.rows, work))
    _print({key: _median(costs) for key, costs in found.items()})
    print(plain_python(plain_ms), flush=True)


def _payload(top: Path, file: str, rows: int) -> Path:
    return top / f"{rows}-{file}"


def _cases(top: Path, file: str) -> dict[tuple[str, int], Callable[[int], None]]:
    """Gives what is measured of an input, with so many workers: each a function of the rows."""
    return {
        **{(PICTURE, workers): partial(_pictures, workers) for workers in WORKERS},
        (BARE, 1): partial(_read, top, file),
        **{case: partial(_enroll, top, file, *case) for case in product(STORES, WORKERS)},
    }


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


def _pictures(workers: int, rows: int) -> None:
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


def _read(top: Path, file: str, rows: int) -> None:
    path = _payload(top, file, rows)
    if path.suffix == ".parquet":
        for batch in pq.ParquetFile(path).iter_batches(64):
            batch.to_pylist()
    else:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for line in lines:
                json.loads(line)


def _enroll(top: Path, file: str, store: str, workers: int, rows: int) -> None:
    with TemporaryDirectory() as folder:
        pack = NullPack()
        spec: StoreSpec = NullStoreSpec()
        if store == "embedded":
            spec = fresh_store(f"{folder}/store", COLLECTION, pack.stamp)
        config = EnrollConfig(
            inputs=(str(_payload(top, file, rows)),),
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
    for (name, file), store, workers in product(FORMS.items(), STORES, WORKERS):
        command, picture = found[file, store, workers], found[file, PICTURE, workers]
        overhead = (command.wall - picture.wall, command.cpu - picture.cpu)
        figures = (found[file, BARE, 1].cpu, *command, *picture, *overhead)
        case = f"{name}; {store} store, {workers}"
        print(f"{case:<48}" + "".join(f"{each:>15.0f}" for each in figures))


if __name__ == "__main__":
    main()
