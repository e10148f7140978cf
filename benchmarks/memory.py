"""Peak memory against the number of rows: it must not grow with the input.

    python -m benchmarks.memory [--real]      --real adds the real pack (about 10 minutes)

Every figure is a process of its own. The null pack and the null store cost next to nothing, so
that what is left is the pipeline; the embedded store's own growth is shown apart.
"""

import argparse
import base64
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pipelines.config import EnrollConfig
from pipelines.enroll import run
from schemas.options import FaceStorageType
from tests.fakes import NullPack, NullStoreSpec
from tests.payloads import portraits
from transforms.faces.catalogue import DEFAULT_PACK, find_pack
from transforms.stores.base import StoreSpec
from transforms.stores.connect import store_spec

FEW, MANY = 2_000, 20_000
FORMS = {
    "Parquet, row groups of 128": "groups.parquet",
    "Parquet, one row group": "one.parquet",
    "JSONL": "lines.jsonl",
    "JSONL, gzip": "lines.jsonl.gz",
    "one body": "body.json",
}
FORMS_FIRST = next(iter(FORMS.values()))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--child", nargs=4, metavar=("PATH", "PACK", "STORE", "RUN"))
    arguments = parser.parse_args()
    if arguments.child:
        print(enroll_peak(*arguments.child))
        return
    print(f"{'peak resident memory, MB':<50}{FEW:>8,}{MANY:>9,}   ratio")
    with TemporaryDirectory() as folder:
        top = Path(folder)
        for name, file in FORMS.items():
            _compare(f"{name}; null pack, null store", top, file, "null", "null")
        grown = _compare("Parquet; null pack, embedded store", top, FORMS_FIRST, "null", "edge")
        print(f"the embedded store's growth: {grown / (MANY - FEW) * 1024:.1f} KB a point")
        if arguments.real:
            _compare("Parquet; real pack, null store", top, FORMS_FIRST, DEFAULT_PACK, "null")


def _compare(name: str, top: Path, file: str, pack: str, store: str) -> float:
    """Prints a line; gives the growth in MB."""
    peaks = []
    for rows in (FEW, MANY):
        path = top / f"{rows}-{file}"
        if not path.exists():
            write_payload(path, rows)
        place = top / f"{rows}-{file}-{pack}-{store}"
        child = ["--child", str(path), pack, store, str(place)]
        command = [sys.executable, "-m", "benchmarks.memory", *child]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(float(done.stdout.split()[-1]))
    print(f"{name:<50}{peaks[0]:>8.0f}{peaks[1]:>9.0f}   {peaks[1] / peaks[0]:.3f}", flush=True)
    return peaks[1] - peaks[0]


def enroll_peak(path: str, pack: str, store: str, place: str) -> float:
    """Enrolls the file and gives this process's peak in MB."""
    used = NullPack() if pack == "null" else find_pack(pack)
    spec: StoreSpec = NullStoreSpec(stamp=used.stamp)
    if store == "edge":
        spec = store_spec(place + "-store")
        spec.open().create_collection("memory", used.stamp)
    own = path.endswith(".json")  # a body names its own
    config = EnrollConfig(
        inputs=(path,),
        collection=None if own else "memory",
        face_storage_type=None if own else FaceStorageType.NO_STORAGE,
        run_dir=place,
    )
    report = run(config, pack=used, store=spec)
    assert report.account.enrolled == report.account.rows_read, report
    return report.peak_memory_bytes / 1e6


def small_photo() -> bytes:
    """Gives a JPEG of one person, 250x250."""
    small = io.BytesIO()
    with Image.open(io.BytesIO(portraits()[6])) as image:
        image.convert("RGB").crop((98, 0, 348, 250)).save(small, "JPEG", quality=85)
    return small.getvalue()


def write_payload(path: Path, rows: int) -> None:
    """Writes rows of one photo of 250 px, with bytes at its end that differ, under new ids."""
    persons = people(rows, 8)
    if path.suffix == ".parquet":
        size = 128 if path.name.endswith("groups.parquet") else rows
        pq.write_table(pa.Table.from_pylist(list(persons)), path, row_group_size=size)
    else:
        write_json(path, persons)


def people(rows: int, tail_bytes: int) -> Iterator[dict[str, str]]:
    """Gives persons of one photo, each with bytes at its end that cannot be compressed."""
    photo = small_photo()
    for n in range(rows):
        face = base64.b64encode(photo + os.urandom(tail_bytes)).decode()
        yield {"person_id": f"id-{n}", "person_name": f"Name {n}", "face_base_64": face}


def write_json(path: Path, persons: Iterable[dict[str, str]]) -> None:
    """Writes one body (.json), or lines of JSON, which .gz compresses."""
    if path.suffix == ".json":
        with path.open("w") as file:
            file.write('{"collection_name": "memory", "face_storage_type": "NoStorage", ')
            file.write('"persons": [')
            file.writelines(", " * (n > 0) + json.dumps(each) for n, each in enumerate(persons))
            file.write("]}")
        return
    with gzip.open(path, "wt", 1) if path.suffix == ".gz" else path.open("w") as file:
        file.writelines(json.dumps(each) + "\n" for each in persons)


if __name__ == "__main__":
    main()
