import os
from pathlib import Path

import pytest

from pipelines import enroll
from pipelines.changed_inputs import first_changed, marks_of
from pipelines.enroll import run
from pipelines.launch import run_pipeline
from schemas.inputs import Form
from tests.fakes import NullPack, NullStoreSpec
from tests.payloads import people, write_lines
from tests.pipelines.test_enroll import make_config


def touched(path: Path) -> None:
    os.utime(path, ns=(0, 0))


def appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shortened(path: Path) -> None:
    os.truncate(path, 1)


def replaced(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(path.read_bytes())
    os.replace(new, path)


def moved(path: Path) -> None:
    path.rename(path.with_name("archived"))


def untouched(_: Path) -> None:
    pass


FORMS = {
    ".jsonl": Form.JSONL,
    ".jsonl.gz": Form.JSONL,
    ".json": Form.JSON,
    ".parquet": Form.PARQUET,
}


@pytest.mark.parametrize("suffix", FORMS)
@pytest.mark.parametrize("change", [touched, appended, shortened, replaced, moved, untouched])
def test_what_counts_as_a_change(tmp_path, suffix, change):
    path = tmp_path / f"in{suffix}"
    path.write_bytes(b"content")
    marks = marks_of([(str(path), FORMS[suffix], 7), ("s3://bucket/a.parquet", Form.PARQUET, 7)])
    change(path)
    harmless = change in (moved, untouched) or (change is appended and suffix == ".jsonl")
    assert first_changed(marks, [str(path)]) == ("" if harmless else str(path))
    assert first_changed(marks, ["another.jsonl"]) == ""


def test_a_line_that_was_half_there_is_left_to_the_next_run(tmp_path, monkeypatch):
    """Its id was compared with no other: the row would be one more of that person."""
    [first, *_] = everyone = people(3)
    path = write_lines(tmp_path / "in.jsonl", [*everyone, first])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1000])

    def meanwhile(*arguments):
        path.write_bytes(whole)  # the same file
        with path.open("ab") as file:
            file.write(whole)
        return run_pipeline(*arguments)

    monkeypatch.setattr(enroll, "run_pipeline", meanwhile)
    report = run(make_config(tmp_path), NullPack(), NullStoreSpec())
    assert (report.status, report.account.enrolled) == ("finished", 3)
    assert report.account.rejected == {"ERR_UNPROCESSABLE_CONTENT": 1}


def test_a_run_whose_input_is_replaced_fails(tmp_path, monkeypatch):
    path = write_lines(tmp_path / "in.jsonl", people(3))

    def meanwhile(*arguments):
        replaced(path)
        return run_pipeline(*arguments)

    monkeypatch.setattr(enroll, "run_pipeline", meanwhile)
    report = run(make_config(tmp_path), NullPack(), NullStoreSpec())
    assert (report.status, report.account.enrolled) == ("failed", 3)
    assert report.error == f"input {path} was changed while it was read; enroll it again"
