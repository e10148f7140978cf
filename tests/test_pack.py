"""Payloads that the command makes of images in files enroll as the same people do from rows."""

import csv
import hashlib
import os
from pathlib import Path

import pytest

from tests.command import Muster, outcomes
from tests.payloads import group_photo, portraits, row, write_lines

IDS = ("Zoë Ünal", "李小龍", "Дарья", "o'hara", "5", "a.b", "x y", "é")


def same_points(muster: Muster, first: tuple[str, str], other: tuple[str, str]) -> None:
    """Enrolls into two stores, and compares what the runs said and what the stores hold."""
    found = []
    for run, payload in (first, other):
        muster.store = str(muster.folder / f"store of {run}")
        muster.create()
        ended = muster.enroll(run, payload, storage="StoreFullImage")
        assert ended.code == 0, ended.stderr
        found.append((ended.json, outcomes(muster.records(run)), muster.stored(*IDS, "six")))
    [(account, said, points), (other_account, other_said, other_points)] = found
    assert account == other_account
    assert said == other_said
    assert said == {
        **dict.fromkeys(IDS, ("OK", "enrolled")),
        "six": ("ERR_MULTIPLE_FACES", "6"),
    }
    assert points.keys() == other_points.keys() == set(IDS)
    for person_id, point in points.items():
        other_point = other_points[person_id]
        assert point.payload["face_digest"] == other_point.payload["face_digest"]
        assert point.payload["record_digest"] == other_point.payload["record_digest"]
        assert point.payload["person_name"] == other_point.payload["person_name"]
        assert point.payload["metadata"] == other_point.payload["metadata"]
        assert float(point.vector @ other_point.vector) > 0.9999


def test_a_folder(muster: Muster, tmp_path: Path) -> None:
    folder, out = tmp_path / "Gesichter", tmp_path / "people.parquet"
    for n, (person_id, photo) in enumerate(zip(IDS, portraits(), strict=True)):
        path = folder / f"{person_id}.JPG" if n % 2 else folder / "deep" / person_id / "1.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo)
    (folder / "six.tiff").write_bytes(group_photo())
    (folder / "readme.txt").write_bytes(b"-")

    ended = muster("pack", folder, out)

    assert (ended.code, ended.stdout) == (0, "")
    assert ended.stderr == f"{out}: 9 rows in 1 row group, 1 other file skipped\n"
    people = zip((*IDS, "six"), (*portraits(), group_photo()), strict=True)
    rows = [row(each, photo, person_name=each, metadata=None) for each, photo in people]
    same_points(
        muster, ("packed", str(out)), ("rows", str(write_lines(tmp_path / "r.jsonl", rows)))
    )


def test_a_csv(muster: Muster, tmp_path: Path) -> None:
    (tmp_path / "fotos").mkdir()
    rows = []
    with open(tmp_path / "Leute.csv", "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["name", "Größe", "path", "id", "team"])
        images = (*portraits(), group_photo())
        for n, (person_id, photo) in enumerate(zip((*IDS, "six"), images, strict=True)):
            image, name = f"fotos/bild {n}é", f'Name; "von"\n{person_id}'
            (tmp_path / image).write_bytes(photo)
            size = {"Größe": "1,80 m"} if n % 2 else {}
            writer.writerow([name, size.get("Größe"), image, person_id, "blå"])
            metadata = {**size, "team": "blå"}
            rows.append(row(person_id, photo, person_name=name, metadata=metadata))
    out = tmp_path / "people.parquet"

    ended = muster("pack", tmp_path / "Leute.csv", out)

    assert (ended.code, ended.stdout) == (0, "")
    assert ended.stderr == f"{out}: 9 rows in 1 row group\n"
    same_points(
        muster, ("packed", str(out)), ("rows", str(write_lines(tmp_path / "r.jsonl", rows)))
    )


def test_the_last_of_several_images_counts(muster: Muster, tmp_path: Path) -> None:
    folder, out = tmp_path / "in" / "ann", tmp_path / "people.parquet"
    folder.mkdir(parents=True)
    for n, photo in enumerate(portraits()[:3]):
        (folder / f"{n}.jpg").write_bytes(photo)

    ended = muster("pack", tmp_path / "in", out)

    assert (ended.code, ended.stdout) == (0, "")
    assert ended.stderr == (
        f"{out}: 3 rows in 1 row group\n"
        "1 person with several images: `muster enroll` takes the last of each, unless "
        "--on-duplicate-id tells it otherwise\n"
    )
    muster.create()
    assert muster.enroll("run", out).code == 0
    codes = [each["code"] for each in muster.records("run")]
    assert codes == ["ERR_DUPLICATE_ID", "ERR_DUPLICATE_ID", "OK"]
    digest = hashlib.sha256(portraits()[2]).hexdigest()
    assert muster.stored("ann")["ann"].payload["face_digest"] == digest


def test_a_refusal_tells_no_name_and_leaves_nothing(muster: Muster, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,name,path,team\n7,Ann Smith,photos/x.jpg,blue\n8,Ann Smith,,blue\n,,\n")

    ended = muster("pack", path, tmp_path / "people.parquet")

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == (
        "muster: nothing was packed:\n"
        f"  {path} line 2: photos/x.jpg: no such file\n"
        f"  {path} line 3: the path is empty\n"
        f"  {path} line 4: 3 cells; the header has 4\n"
    )
    assert os.listdir(tmp_path) == ["people.csv"]


@pytest.mark.parametrize(
    ("source", "out", "why"),
    [
        ("none", "out.parquet", "{0}/none: no such file"),
        ("none", "out.csv", "{0}/out.csv: expected a name that ends in .parquet"),
        (".", "out.parquet", "nothing was packed:\n  {0}: no images; expected files *.jpg, "
         "*.jpeg, *.jfif, *.png, *.webp, *.bmp, *.tif, *.tiff"),
    ],
)  # fmt: skip
def test_what_cannot_be_packed(
    muster: Muster, tmp_path: Path, source: str, out: str, why: str
) -> None:
    ended = muster("pack", tmp_path / source, tmp_path / out)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == f"muster: {why.format(tmp_path)}\n"
