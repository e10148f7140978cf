"""Rejected rows, kept in the form in which they came, and given back."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import Muster, outcomes
from tests.payloads import body, group_photo, people, portraits, row, write_json, write_lines

BROKEN = portraits()[3][:3000]
MENDED = portraits()[3]


def rows_with_bad_ones() -> list[dict[str, Any]]:
    return [
        *people(3),
        row("broken", BROKEN, extra={"kept": ["as", "it", "came"]}),
        row("six", group_photo()),
        row("id-0000", portraits()[5]),
    ]


def mended(text: str) -> str:
    """Puts good photos in the place of the bad ones."""
    for bad in (BROKEN, group_photo()):
        text = text.replace(base64.b64encode(bad).decode(), base64.b64encode(MENDED).decode())
    return text


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_lines(muster: Muster, tmp_path: Path, suffix: str) -> None:
    muster.create()
    rows = rows_with_bad_ones()
    lines = [json.dumps(each, separators=(",", " : ")).encode() for each in rows]
    lines.append(b'{"person_id": "nameless"}')
    content = b"\r\n".join([*lines, b"not json"])
    path = tmp_path / f"in{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    assert muster.enroll("run", path, "--keep-rejected").code == 0
    kept = list((tmp_path / "run/rejected").iterdir())
    found = sorted(line for each in kept for line in each.read_bytes().splitlines())
    assert found == sorted([*lines[3:5], lines[6], b"not json"])  # a loser is not kept
    for each in kept:
        assert each.stat().st_mode & 0o777 == 0o600
        each.write_text(mended(each.read_text()))
    assert muster.enroll("again", tmp_path / "run/rejected").code == 0
    assert {
        person: end for person, end in _ends(muster, "again").items() if person != "nameless"
    } == {"broken": ("OK", "enrolled"), "six": ("OK", "enrolled")}


def _ends(muster: Muster, run: str) -> dict[str, tuple[str, str]]:
    known = [each for each in muster.records(run) if "person_id" in each["metadata"]]
    return outcomes(known)


def test_parquet(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    schema = pa.schema(
        [
            ("EMP_NO", pa.string()),
            ("person_name", pa.dictionary(pa.int32(), pa.string())),
            ("face", pa.large_binary()),
            ("extra", pa.list_(pa.int32())),
            ("metadata", pa.map_(pa.string(), pa.string())),
        ],
        metadata={"owner": "us"},
    )
    photos = {"good": portraits()[0], "broken": BROKEN, "six": group_photo(), "last": b""}
    rows = [
        {"EMP_NO": key, "person_name": key, "face": photo, "extra": [1, 2], "metadata": {"a": "b"}}
        for key, photo in photos.items()
    ]
    path = tmp_path / "_in.parquet"  # in a folder, such a name is passed over
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    column = ("--column", "person_id=EMP_NO")
    assert muster.enroll("run", path, "--keep-rejected", *column).code == 0
    kept = list((tmp_path / "run/rejected").iterdir())
    tables = [pq.read_table(each) for each in kept]
    as_read = pq.read_schema(path)
    assert all(each.schema.equals(as_read, check_metadata=True) for each in tables)
    found = [each for table in tables for each in table.to_pylist()]
    assert sorted(found, key=str) == sorted(
        pa.Table.from_pylist(rows[1:], schema).to_pylist(), key=str
    )
    for each, table in zip(kept, tables, strict=True):
        faces = pa.array([MENDED] * table.num_rows, pa.large_binary())
        pq.write_table(table.set_column(2, "face", faces), each)
    assert muster.enroll("again", tmp_path / "run/rejected", *column).code == 0
    assert outcomes(muster.records("again")) == dict.fromkeys(
        ("broken", "six", "last"), ("OK", "enrolled")
    )


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_bodies(muster: Muster, tmp_path: Path, form: str) -> None:
    muster.create()
    rows = rows_with_bad_ones()
    content = body(rows, storage="StoreFullImage", other=1)
    if form == "json":
        path = write_json(tmp_path / "in.json", json.dumps(content, indent=1).encode())
    else:
        path = write_lines(tmp_path / "in.jsonl", [content])
    place = ("--store", muster.store)
    assert muster("enroll", path, *place, "--run-dir", tmp_path / "r", "--keep-rejected").code == 0
    kept = list((tmp_path / "r/rejected").iterdir())
    found = [json.loads(line) for each in kept for line in each.read_text().splitlines()]
    assert sorted(found, key=str) == sorted(
        [body([each], storage="StoreFullImage") for each in rows[3:5]], key=str
    )
    for each in kept:
        each.write_text(mended(each.read_text()))
    again = muster("enroll", tmp_path / "r/rejected", *place, "--run-dir", tmp_path / "again")
    assert again.code == 0
    assert outcomes(muster.records("again")) == {
        "broken": ("OK", "enrolled"),
        "six": ("OK", "enrolled"),
    }


def test_what_is_too_large_to_hold_is_kept_too(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    large = [row(f"large {n}", portraits()[n], metadata={"x": "y" * 3_000_000}) for n in range(3)]
    lines = write_lines(tmp_path / "a.jsonl", [large[0], *people(1)])
    whole = body(large[1:], indent="\n")
    bodies = write_json(tmp_path / "b.json", json.dumps(whole, indent=1).encode())
    small = ("--max-row-bytes", "2MB")
    assert muster.enroll("run", lines, bodies, "--keep-rejected", *small).code == 0
    details = [each["metadata"].get("detail") for each in muster.records("run")]
    assert details == ["too_large", None, "too_large", "too_large"]
    assert muster.enroll("again", tmp_path / "run/rejected").code == 0
    assert outcomes(muster.records("again")) == {f"large {n}": ("OK", "enrolled") for n in range(3)}


def test_a_body_that_is_no_json_is_kept_in_one_line(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    cut = json.dumps(body(people(1)), indent=1).encode()[:-5]
    path = write_json(tmp_path / "a.json", cut)
    run = ("--store", muster.store, "--run-dir", tmp_path / "r")
    assert muster("enroll", path, *run, "--keep-rejected").code == 4
    [kept] = (tmp_path / "r/rejected").iterdir()
    assert kept.read_bytes() == cut.replace(b"\n", b" ") + b"\n"


def test_many_sources(muster: Muster, tmp_path: Path) -> None:
    """More than there are files open at a time; names as long as they may be; views."""
    muster.create()
    (tmp_path / "in").mkdir()
    schema = pa.schema(
        [(name, pa.string_view()) for name in ("person_id", "person_name", "face_base_64")]
    )
    for n in range(20):
        someone = {"person_id": f"{n}", "person_name": "x", "face_base_64": "&"}
        table = pa.Table.from_pylist([someone, someone | {"person_id": f"{n} too"}], schema)
        pq.write_table(table, tmp_path / "in" / f"{n:02}{'ä' * 120}.parquet")
    arguments = ("--keep-rejected", "--workers", "1")
    assert muster.enroll("run", tmp_path / "in", *arguments).code == 0
    kept = [pq.read_table(each) for each in (tmp_path / "run/rejected").iterdir()]
    ids = sorted(each for table in kept for each in table["person_id"].to_pylist())
    assert ids == sorted([*map(str, range(20)), *(f"{n} too" for n in range(20))])


def test_kept_rows_are_no_input_of_the_run_that_would_remove_them(
    muster: Muster, tmp_path: Path
) -> None:
    muster.create()
    assert muster.enroll("run", write_lines(tmp_path / "a.jsonl", [b"x"]), "--keep-rejected")
    (tmp_path / "run/report.json").unlink()  # as after a kill
    (tmp_path / "latest").symlink_to("run")
    for run, inputs in (
        ("run", "run"),
        ("latest", "run"),
        ("run", "latest"),
        ("run", "run/../run"),
    ):
        done = muster.enroll(run, tmp_path / inputs / "rejected")
        assert done.code == 2
        assert "lies in the run folder" in done.stderr
    assert list((tmp_path / "run/rejected").iterdir())


def test_rows_that_cannot_be_kept_are_counted(muster: Muster, tmp_path: Path) -> None:
    """Of a column that is not ours, and that Arrow cannot read."""
    muster.create()
    rows = pa.Table.from_pylist([*people(1), row("bad", b"no image"), row("six", group_photo())])
    vectors = pa.array([[1.0, 2.0], [3.0, 4.0], None], pa.list_(pa.float32(), 2))
    path = tmp_path / "in.parquet"
    pq.write_table(rows.append_column("embedding", vectors), path)
    done = muster.enroll("run", path, "--keep-rejected")
    assert (done.code, done.json["enrolled"]) == (0, 1)
    assert not list((tmp_path / "run/rejected").iterdir())
    assert muster.report("run")["rejected_not_kept"] == 2
    assert "muster: rejected rows that could not be kept: 2\n" in done.stderr


def test_nothing_is_kept_unasked(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    assert muster.enroll("run", write_lines(tmp_path / "a.jsonl", [b"x"])).code == 0
    assert not (tmp_path / "run/rejected").exists()
