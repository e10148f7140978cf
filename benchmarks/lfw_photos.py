"""Enrolls photos as a user would, and reads back what is stored of them."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from pipelines.account import record_lines
from pipelines.pack_sources import IMAGE_SUFFIXES
from schemas.ids import point_id
from schemas.json_lines import json_line
from transforms.stores.connect import connected, store_spec

COLLECTION = "lfw"
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Photos:
    """All photos there are. persons: who is on each.

    vectors: (n, dimension) float32 of length 1, as stored; NaN where a photo was not enrolled.
    """

    ids: Sequence[str]
    persons: Sequence[str]
    vectors: NDArray[np.float32]

    @property
    def have_vectors(self) -> NDArray[np.bool_]:
        """Which of them were enrolled."""
        return ~np.isnan(self.vectors[:, 0])

    def __str__(self) -> str:
        enrolled, persons = int(self.have_vectors.sum()), len(set(self.persons))
        return f"{enrolled:,} of {len(self.ids):,} photos enrolled, {persons:,} persons"


def person_on(photo: str) -> str:
    """Gives who is on a photo, where nothing but its id tells.

    >>> person_on("Jane_Doe_0003")
    'Jane_Doe'
    """
    named = re.fullmatch(r"(.+)_\d+", photo)
    return named[1] if named else photo


def enroll(photos: Path, pack: str, precision: str = "float32") -> Photos:
    """Gives what `muster enroll` stores of a folder of photos, or of a payload.

    In a folder, each folder below is a person. Raises ValueError.
    """
    images = sorted(each for each in photos.rglob("*") if each.suffix.lower() in IMAGE_SUFFIXES)
    persons = {photo_id(each, photos): person_in(each, photos) for each in images}
    if len(persons) < len(images):
        raise ValueError(f"{photos}: several photos have one name; expected names as Jane_Doe_0001")
    with TemporaryDirectory() as folder:
        store, run = f"{folder}/store", f"{folder}/run"
        payload, options = photos, ["--multiple-faces", "center"]
        if images:
            payload = Path(folder, "photos.jsonl")
            payload.write_text("".join(_row(each, photos) for each in images))
            options += ["--face-root", str(photos.absolute())]
        _muster("collections", "create", COLLECTION, "--pack", pack, "--store", store)
        _muster(
            *("enroll", str(payload), *options, "--face-storage-type", "NoStorage"),
            *("--collection", COLLECTION, "--store", store, "--pack", pack, "--run-dir", run),
            *("--precision", precision),
        )
        records = [json.loads(line)["metadata"] for line in record_lines(Path(run))]
        ids = sorted({each["person_id"] for each in records if "person_id" in each})
        return Photos(
            ids, [persons.get(each) or person_on(each) for each in ids], _vectors(store, ids)
        )


def photo_id(image: Path, top: Path) -> str:
    """Gives the id of a file: its name, after that of its folder where it does not begin so."""
    person = person_in(image, top)
    return image.stem if image.stem.startswith(person) else f"{person}_{image.stem}"


def person_in(image: Path, top: Path) -> str:
    """Gives who is on a photo of a folder."""
    return person_on(image.stem) if image.parent == top else image.parent.name


def _row(image: Path, top: Path) -> str:
    uri = image.relative_to(top).as_posix()
    row = {"person_id": photo_id(image, top), "person_name": person_in(image, top), "face_uri": uri}
    return json_line(row) + "\n"


def _vectors(store: str, ids: Sequence[str]) -> NDArray[np.float32]:
    with connected(store_spec(store)) as handle:
        points = [handle.get(COLLECTION, point_id(each)) for each in ids]
    stored = [point.vector for point in points if point is not None]
    if not stored:
        raise ValueError("no photo was enrolled")
    missing = np.full_like(stored[0], np.nan)
    return np.stack([missing if point is None else point.vector for point in points])


def _muster(*arguments: str) -> None:
    """Runs the command, its progress on stderr; ends this process where it fails."""
    command = [sys.executable, str(ROOT / "runner.py"), *arguments]
    if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
        sys.exit(f"muster {arguments[0]}: failed")
