"""Which rows are checked in one turn, and that each has its own end."""

import base64
from pathlib import Path
from typing import Any

import pytest

from schemas.options import Rules
from schemas.records import Row
from tests.builders import make_jpeg, make_row, through
from transforms import check_rows
from transforms.face_files import FaceFiles
from transforms.submissions import submit
from transforms.turns import ALONE

IMAGE = make_jpeg()
TEXT = base64.b64encode(IMAGE).decode()
TURN_BYTES = 2 << 20


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """The ids of the rows as they are checked, and whether the worker was alone."""
    seen = []

    def noted(row: Row, *others: Any) -> Any:
        seen.append((row.fields["person_id"], ALONE.locked()))
        return submit(row, *others)

    monkeypatch.setattr(check_rows, "submit", noted)
    return seen


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> check_rows._CheckFn:
    """One whose first turn is a whole one."""
    monkeypatch.setattr("transforms.batches.randrange", lambda _: 0)
    return check_rows._CheckFn(Rules(), FaceFiles())


def rows(ids: str, **fields: Any) -> list[Row]:
    return [make_row(person_id=each, **{"face_base_64": TEXT} | fields) for each in ids]


def test_rows_are_checked_in_one_turn_and_each_has_its_own_end(turns, stage):
    bad = make_row(person_id="b", face_base_64="&&&&")
    ends = through(stage, [*rows("a"), bad, *rows("c")])
    assert [getattr(each, "encoded", None) for each in ends] == [IMAGE, None, IMAGE]
    assert (ends[1].person_id, ends[1].detail) == ("b", "base64")
    assert turns == [("a", True), ("b", True), ("c", True)]
    assert not ALONE.locked()


def test_no_turn_is_longer_than_64_rows(turns, stage):
    stage.start_bundle()
    given = [len(list(stage.process(row))) for row in rows("a" * 130)]
    assert [place for place, number in enumerate(given) if number] == [64, 128]
    assert [given[64], given[128], len(list(stage.finish_bundle()))] == [64, 64, 2]


def test_a_large_row_makes_nobody_wait(turns, stage):
    through(stage, rows("ab") + rows("c", size=TURN_BYTES) + rows("de"))
    assert turns == [("a", True), ("b", True), ("c", False), ("d", True), ("e", True)]


def test_nor_does_a_file(turns, stage, tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(IMAGE)
    named = make_row(person_id="c", face_uri="a.jpg", face_base_64=None, folder=str(tmp_path))
    ends = through(stage, [*rows("ab"), named, *rows("de")])
    assert [each.encoded for each in ends] == [IMAGE] * 5
    assert turns == [("a", True), ("b", True), ("c", False), ("d", True), ("e", True)]
