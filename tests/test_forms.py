"""The same people in every input form: the same outcome, digests and vectors."""

import base64
import gzip
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd

from schemas.options import FaceStorageType
from schemas.records import Vector
from tests.command import Muster, outcomes
from tests.payloads import group_photo, people, row
from transforms.embed_faces import unit
from transforms.faces.alignment import align
from transforms.faces.base import Share
from transforms.faces.catalogue import find_pack
from transforms.imaging import decode
from transforms.submissions import record_digest

COLUMNS = {
    "person_id": "EMP_NO",
    "person_name": "Full Name",
    "face_base_64": "PHOTO",
    "metadata": "Extra",
}
MAP = pa.map_(pa.string(), pa.string())


def rows() -> list[dict[str, Any]]:
    """Gives eight good persons, and one of each kind of bad one, ids beyond ASCII among them."""
    return [
        *people(8),
        row("Größe/ä\n", base64.b64decode(people(1)[0]["face_base_64"]), person_name=""),
        row("six", group_photo()),
        row("none", b"no image"),
    ]


def _table(binary: bool) -> pa.Table:
    table = pa.Table.from_pylist(rows(), pa.schema([*_TEXTS, ("metadata", MAP)]))
    if not binary:
        return table
    faces = [base64.b64decode(each) for each in table["face_base_64"].to_pylist()]
    return table.drop_columns("face_base_64").append_column("face", pa.array(faces))


_TEXTS = [(each, pa.string()) for each in ("person_id", "person_name", "face_base_64")]


def _parquet(path: Path) -> None:
    pq.write_table(_table(binary=False), path, row_group_size=3)


def _binary(path: Path) -> None:
    pq.write_table(_table(binary=True), path)


def _renamed(path: Path) -> None:
    pq.write_table(_table(binary=False).rename_columns(COLUMNS), path)


def _struct(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(rows()), path)


def _large(path: Path) -> None:
    """Other Arrow types of the same meaning."""
    schema = pa.schema([
        ("person_id", pa.dictionary(pa.int32(), pa.string())),
        ("person_name", pa.large_string()),
        ("face_base_64", pa.large_string()),
        ("metadata", MAP),
    ])  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows(), schema), path)


def _lines() -> bytes:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows()).encode()


def _windows() -> bytes:
    return b"\xef\xbb\xbf" + _lines().replace(b"\n", b"\r\n").rstrip()


def _two_members() -> bytes:
    half = _lines().index(b"\n") + 1
    return gzip.compress(_lines()[:half]) + gzip.compress(_lines()[half:])


def _frames() -> bytes:
    half = _lines().index(b"\n") + 1
    return zstd.compress(_lines()[:half]) + zstd.compress(_lines()[half:])


FORMS: dict[str, Callable[[Path], Any]] = {
    "base64.parquet": _parquet,
    "binary.parquet": _binary,
    "renamed.parquet": _renamed,
    "struct.parquet": _struct,
    "large.parquet": _large,
    "plain.jsonl": lambda path: path.write_bytes(_lines()),
    "windows.ndjson": lambda path: path.write_bytes(_windows()),
    "members.jsonl.gz": lambda path: path.write_bytes(_two_members()),
    "frames.jsonl.zst": lambda path: path.write_bytes(_frames()),
}


@pytest.fixture(scope="module")
def reference() -> dict[str, Vector]:
    """The vectors of the pack's own parts, without any pipeline."""
    model = find_pack("opencv-zoo").load(Share(1, 1))
    vectors = {}
    for each in rows()[:9]:
        pixels = decode(base64.b64decode(each["face_base_64"]))
        [face] = model.detector.detect(pixels)
        [vector] = model.recogniser.embed([align(pixels, face.landmarks, model.recogniser.crop_px)])
        vectors[each["person_id"]] = unit(vector)
    return vectors


@pytest.mark.parametrize(
    ("name", "workers"),
    [*((name, 2) for name in FORMS), ("base64.parquet", 1), ("members.jsonl.gz", 4)],
)
def test_same_people(
    muster: Muster, tmp_path: Path, reference: dict[str, Vector], name: str, workers: int
) -> None:
    muster.create()
    path = tmp_path / name
    FORMS[name](path)
    renamed = [f"--column={field}={other}" for field, other in COLUMNS.items()]
    columns = renamed if name.startswith("renamed") else []

    ended = muster.enroll("run", path, "--workers", workers, *columns)

    assert ended.code == 0, ended.stderr
    records = muster.records("run")
    assert [each["metadata"]["row"] for each in records] == [str(n) for n in range(11)]
    found = outcomes(records)
    assert found == {
        **{each["person_id"]: ("OK", "enrolled") for each in rows()[:9]},
        "six": ("ERR_MULTIPLE_FACES", "6"),
        "none": ("ERR_INVALID_IMAGE", "not_an_image"),
    }
    stored = muster.stored(*found)
    assert stored.keys() == reference.keys()
    for each in rows()[:9]:
        point = stored[each["person_id"]]
        photo = base64.b64decode(each["face_base_64"])
        assert float(point.vector @ reference[each["person_id"]]) > 0.9999
        assert point.payload["person_name"] == each["person_name"]
        assert point.payload["metadata"] == each["metadata"]
        assert point.payload["face_digest"] == hashlib.sha256(photo).hexdigest()
        assert point.payload["record_digest"] == record_digest(
            each["person_name"], each["metadata"], FaceStorageType.NO_STORAGE
        )


def test_folders_globs_and_repeats(muster: Muster, tmp_path: Path) -> None:
    """Arguments in their order, within a folder by path; a file named twice is read once."""
    muster.create()
    folder = tmp_path / "in[1]"
    (folder / "deep").mkdir(parents=True)
    for name in ("b.jsonl", "a.jsonl", "deep/c.jsonl"):
        (folder / name).write_bytes(b"rubbish\n")
    (folder / "_SUCCESS").write_bytes(b"")

    ended = muster.enroll("run", folder / "b.jsonl", folder, tmp_path / "in[[]1]" / "*.jsonl")

    assert ended.json["rows_read"] == 3
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    sources = [Path(each["source"]).relative_to(folder).as_posix() for each in manifest["inputs"]]
    assert sources == ["b.jsonl", "a.jsonl", "deep/c.jsonl"]
    assert muster.report("run")["skipped_files"] == [str(folder / "_SUCCESS")]


def test_a_damaged_row_group_spares_the_others(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    path = tmp_path / "in.parquet"
    file = io.BytesIO()
    pq.write_table(_table(binary=False), file, row_group_size=2, compression="zstd")
    content = bytearray(file.getvalue())
    column = pq.ParquetFile(io.BytesIO(bytes(content))).metadata.row_group(1).column(2)
    middle = column.dictionary_page_offset or column.data_page_offset
    content[middle : middle + 200] = b"\xff" * 200
    path.write_bytes(bytes(content))

    ended = muster.enroll("run", path)

    assert ended.code == 1
    records = muster.records("run")
    damage, *rest = records
    assert damage["metadata"]["detail"] == "truncated_input"
    assert "row" not in damage["metadata"]
    assert [int(each["metadata"]["row"]) for each in rest] == [0, 1, 4, 5, 6, 7, 8, 9, 10]
    assert ended.json["rows_read"] == len(records)
