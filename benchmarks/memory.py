"""Peak memory against the number of rows: it must not grow with the input.

    python -m benchmarks.memory [--real]      --real adds the real pack (about 10 minutes)
    python -m benchmarks.memory --rows 100000 3000000 --only lines.jsonl     (about 15 minutes)

Every figure is a process of its own. The null pack and the null store cost next to nothing, so
that what is left is the pipeline; the embedded store's own growth is shown apart. Photos are of
250x250, 128 in a row group; where millions of rows are asked for, of 16x16, for they would fill the
disk, and as many in a row group as makes 2.3 MB again.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fresh_store import fresh_store
from benchmarks.machine import machine
from benchmarks.payloads import COLLECTION, people, small_photo, tiny_photo, write_payload
from pipelines.config import EnrollConfig
from pipelines.enroll import run
from schemas.options import DEFAULT_PACK, FaceStorageType
from tests.fakes import NullPack, NullStoreSpec
from transforms.faces.catalogue import find_pack
from transforms.stores.base import StoreSpec

FEW, MANY = 2_000, 20_000
TINY_FROM, TINY_A_GROUP, A_GROUP = 1_000_000, 2_560, 128
GROUPS = "groups.parquet"
PARQUET = {
    "Parquet, row groups of 2.3 MB": GROUPS,
    "Parquet, one row group": "one.parquet",
}
FORMS = PARQUET | {
    "JSONL": "lines.jsonl",
    "JSONL, gzip": "lines.jsonl.gz",
    "one body": "body.json",
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--rows", nargs=2, type=int, default=(FEW, MANY), metavar=("FEW", "MANY"))
    parser.add_argument(
        "--at-most", type=float, help="exit 1 where a ratio with null pack and null store is larger"
    )
    parser.add_argument("--only", choices=FORMS.values(), help="with the null store alone")
    parser.add_argument("--child", nargs=4, metavar=("PATH", "PACK", "STORE", "RUN"))
    arguments = parser.parse_args()
    if arguments.child:
        print(enroll_peak(*arguments.child))
        return
    few, many = rows = tuple(arguments.rows)
    print(machine())
    print(f"{'peak resident memory, MB':<55}{few:>9,}{many:>10,}   ratio")
    with TemporaryDirectory() as folder:
        top = Path(folder)
        compared = [
            _compare(f"{name}; null pack, null store", top, rows, file, "null", "null")
            for name, file in FORMS.items()
            if arguments.only in (None, file)
        ]
        if not arguments.only:
            name = "Parquet; null pack, embedded store"
            of_few, of_many = _compare(name, top, rows, GROUPS, "null", "edge")
            grown = (of_many - of_few) / (many - few) * 1024
            print(f"the embedded store's growth: {grown:.1f} KB a point")
        if arguments.real:
            for name, file in PARQUET.items():
                _compare(f"{name}; real pack, null store", top, rows, file, DEFAULT_PACK, "null")
    worst = max(of_many / of_few for of_few, of_many in compared)
    if arguments.at_most and worst > arguments.at_most:
        sys.exit(f"memory grows with the input: {worst:.3f}, more than {arguments.at_most:g}")


def _compare(
    name: str, top: Path, rows: tuple[int, ...], file: str, pack: str, store: str
) -> tuple[float, float]:
    """Prints a line; gives both peaks in MB."""
    tiny = max(rows) >= TINY_FROM
    photo, a_group = (tiny_photo(), TINY_A_GROUP) if tiny else (small_photo(), A_GROUP)
    peaks: list[float] = []
    for number in rows:
        path = top / f"{number}-{file}"
        if not path.exists():
            persons = people(number, [photo])
            write_payload(path, persons, a_group if file == GROUPS else number)
        place = top / f"{number}-{file}-{pack}-{store}"
        child = ["--child", str(path), pack, store, str(place)]
        command = [sys.executable, "-m", "benchmarks.memory", *child]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(float(done.stdout.split()[-1]))
    of_few, of_many = peaks
    print(f"{name:<55}{of_few:>9.0f}{of_many:>10.0f}   {of_many / of_few:.3f}", flush=True)
    return of_few, of_many


def enroll_peak(path: str, pack: str, store: str, place: str) -> float:
    """Enrolls the file and gives this process's peak in MB."""
    used = NullPack() if pack == "null" else find_pack(pack)
    spec: StoreSpec = NullStoreSpec(stamp=used.stamp)
    if store == "edge":
        spec = fresh_store(f"{place}-store", COLLECTION, used.stamp)
    own = path.endswith(".json")  # a body names its own
    config = EnrollConfig(
        inputs=(path,),
        collection=None if own else COLLECTION,
        face_storage_type=None if own else FaceStorageType.NO_STORAGE,
        run_dir=place,
    )
    report = run(config, pack=used, store=spec)
    assert report.account.enrolled == report.account.rows_read, report
    return report.peak_memory_bytes / 1e6


if __name__ == "__main__":
    main()
