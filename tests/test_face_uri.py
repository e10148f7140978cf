"""Images that rows name instead of holding them."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import Muster, outcomes
from tests.payloads import people, portraits, row, write_lines

NOT_FOUND = ("ERR_INVALID_IMAGE", "uri_not_found")
NOT_ALLOWED = ("ERR_INVALID_IMAGE", "uri_not_allowed")


def named(person_id: str, uri: str) -> dict[str, Any]:
    return row(person_id, b"", face_base_64=None, face_uri=uri)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, photo in enumerate(portraits()):
        (folder / f"{number}.jpg").write_bytes(photo)
    return folder


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("root", [False, True], ids=["input's folder", "--face-root"])
def test_a_named_image_is_the_same_image(
    muster: Muster, tmp_path: Path, photos: Path, form: str, root: bool
) -> None:
    muster.create()
    whole = people(8)
    muster.enroll("whole", write_lines(tmp_path / "whole.jsonl", whole))
    rows = [
        named(each["person_id"], f"{n}.jpg" if root else f"photos/{n}.jpg")
        for n, each in enumerate(whole)
    ]
    path = tmp_path / f"named.{form}"
    if form == "jsonl":
        write_lines(path, rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    done = muster.enroll("named", path, *(["--face-root", photos] if root else []))
    assert done.json["unchanged"] == 8


def test_nothing_else_is_read(muster: Muster, tmp_path: Path, photos: Path) -> None:
    muster.create()
    (tmp_path / "secret.jpg").write_bytes(portraits()[0])
    os.symlink(tmp_path / "secret.jpg", photos / "out.jpg")
    os.symlink("0.jpg", photos / "in.jpg")
    os.mkfifo(photos / "fifo")
    uris = {
        "../secret.jpg": NOT_ALLOWED,
        "x/../../secret.jpg": NOT_ALLOWED,
        str(photos / "0.jpg"): NOT_ALLOWED,
        "/dev/zero": NOT_ALLOWED,
        "out.jpg": NOT_ALLOWED,
        "http://127.0.0.1/x.jpg": NOT_ALLOWED,
        f"file://{photos}/0.jpg": NOT_ALLOWED,
        "gs://bucket/x.jpg": NOT_ALLOWED,
        "missing.jpg": NOT_FOUND,
        "fifo": NOT_FOUND,
        ".": NOT_FOUND,
        "": NOT_FOUND,
        "in.jpg": ("OK", "enrolled"),
        "x/../0.jpg": ("OK", "enrolled"),
    }
    lines = write_lines(tmp_path / "a.jsonl", [named(f"id {uri}", uri) for uri in uris])
    assert muster.enroll("run", lines, "--face-root", photos).code == 0
    assert outcomes(muster.records("run")) == {f"id {uri}": end for uri, end in uris.items()}


def test_a_large_file_is_not_read(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(10 << 30)
    lines = write_lines(tmp_path / "a.jsonl", [named("a", "large.jpg")])
    assert muster.enroll("run", lines).code == 0
    assert outcomes(muster.records("run")) == {"a": ("ERR_INVALID_IMAGE", "too_many_bytes")}
