"""Enrolls photos as a user would, and reads back what is stored of them."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.verification import identity
from pipelines.account import record_lines
from pipelines.pack_sources import IMAGE_SUFFIXES
from schemas.ids import point_id
from schemas.json_lines import json_line
from transforms.stores.connect import connected, store_spec

COLLECTION = "lfw"
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The photos that were enrolled. vectors: (n, dimension) float32, of length 1, as stored."""

    photos: Sequence[str]
    vectors: NDArray[np.float32]
    rows: int

    def __str__(self) -> str:
        persons = len({identity(each) for each in self.photos})
        return f"{len(self.photos):,} of {self.rows:,} photos enrolled, {persons:,} persons"


def enrolled(photos: Path, pack: str) -> Enrolled:
    """Gives what `muster enroll` stores of a folder of photos, or of a payload.

    A photo's id is its file's name without the suffix, as Jane_Doe_0001; where that has no number,
    its folder's name stands before it.
    """
    with TemporaryDirectory() as folder:
        top = Path(folder)
        store, run = str(top / "store"), str(top / "run")
        _muster("collections", "create", COLLECTION, "--pack", pack, "--store", store)
        images = sorted(each for each in photos.rglob("*") if each.suffix.lower() in IMAGE_SUFFIXES)
        options = ["--face-storage-type", "NoStorage", "--multiple-faces", "center"]
        if images:
            payload = top / "photos.jsonl"
            payload.write_text("".join(_row(each, photos) for each in images), encoding="utf-8")
            options += ["--face-root", str(photos.absolute())]
        _muster(
            *("enroll", str(payload if images else photos), *options, "--run-dir", run),
            *("--collection", COLLECTION, "--store", store, "--pack", pack),
        )
        records = [json.loads(line) for line in record_lines(f"{run}/results/results")]
        ids = sorted(each["metadata"]["person_id"] for each in records if each["code"] == "OK")
        with connected(store_spec(store)) as handle:
            points = [handle.get(COLLECTION, point_id(each)) for each in ids]
        vectors = np.stack([point.vector for point in points if point is not None])
    return Enrolled(ids, vectors, len(records))


def _row(image: Path, top: Path) -> str:
    name = image.stem if identity(image.stem) != image.stem else f"{image.parent.name}_{image.stem}"
    uri = image.relative_to(top).as_posix()
    return json_line({"person_id": name, "person_name": identity(name), "face_uri": uri}) + "\n"


def _muster(*arguments: str) -> None:
    """Runs the command, its progress on stderr; ends this process where it fails."""
    command = [sys.executable, str(ROOT / "runner.py"), *arguments]
    if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
        sys.exit(f"muster {' '.join(arguments)}: failed")
