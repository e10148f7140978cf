"""What the report says of a run that did not go as it should."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipelines.account import ResultCounts
from pipelines.file_cut import Requests
from pipelines.measurements import Measurements
from pipelines.plan_splits import Plan
from pipelines.report import Ended, make_report
from schemas.inputs import Form, InputFile, Split
from transforms.private_logs import where

SPLIT = Split("in.jsonl", "/in.jsonl", Form.JSONL, 0, 1, 0, rows=10)
PLAN = Plan(
    inputs=(InputFile("in.jsonl", Form.JSONL, 1, 10),),
    splits=(SPLIT,),
    skipped_files=(),
    unknown_fields=frozenset({"extra"}),
    person_rows=10,
    person_source="in.jsonl",
    requests=Requests(),
    cut_short=False,
)
TEN = ResultCounts(Counter(enrolled=9, ERR_INVALID_IMAGE=1), 0, frozenset())
FEWER = ResultCounts(Counter(enrolled=9), 0, frozenset())
MORE = ResultCounts(Counter(enrolled=12), 0, frozenset())
LOST = ResultCounts(Counter(enrolled=2, ERR_DATABASE_ERROR=1), 0, frozenset())
FOUR = Counter(enrolled=4, ERR_UNPROCESSABLE_CONTENT=2)
DAMAGED = ResultCounts(FOUR, 2, frozenset({"a.parquet"}))
CUT = ResultCounts(FOUR, 2, frozenset({"a.jsonl.gz", "a.parquet"}))


BEGAN = datetime(2026, 11, 29, 23, 59, 58, tzinfo=UTC)


def reported(plan, counts, measurements, error="", stopped=False, refused=0, changed=""):
    ended = Ended(BEGAN, 2.5, measurements, error, stopped)
    refusals = Counter(ERR_NOT_FOUND=refused)
    return make_report(
        plan, counts, ended, requests_refused=refusals, taken_over=False, changed_input=changed
    )


@pytest.mark.parametrize(
    ("counts", "rows_read", "error", "stopped", "expected"),
    [
        pytest.param(TEN, 10, "", False, ("finished", "", 0), id="finished"),
        pytest.param(TEN, 10, "", True, ("cancelled", "", 0), id="cancelled"),
        pytest.param(
            TEN, 11, "", False, ("failed", "the account does not close", 0), id="a_record_lost"
        ),
        pytest.param(LOST, 3, "gone", True, ("failed", "gone", 7), id="the_store_lost"),
        pytest.param(TEN, None, "KeyError", False, ("failed", "KeyError", None), id="broken"),
        pytest.param(DAMAGED, 6, "", False, ("finished", "", 6), id="damage_is_no_row"),
        pytest.param(
            FEWER,
            9,
            "",
            False,
            ("failed", "an input was changed while it was read; enroll again", 1),
            id="a_file_shrank",
        ),
        pytest.param(
            MORE,
            12,
            "",
            False,
            ("failed", "an input was changed while it was read; enroll again", None),
            id="a_file_grew",
        ),
        pytest.param(FEWER, 9, "", True, ("cancelled", "", 1), id="not_all_is_read_when_stopped"),
        pytest.param(CUT, 6, "", False, ("finished", "", None), id="nobody_knows_behind_a_cut"),
    ],
)
def test_status(counts, rows_read, error, stopped, expected) -> None:
    measurements = None if rows_read is None else Measurements(rows_read)
    report = reported(PLAN, counts, measurements, error=error, stopped=stopped)
    assert (report.status, report.error, report.rows_not_read) == expected
    assert report.damaged_inputs == len(counts.damaged_sources)
    assert report.unknown_fields == ("extra",)
    assert report.started_at == "2026-11-29T23:59:58+00:00"
    assert report.finished_at == "2026-11-30T00:00:00+00:00"
    assert report.rows_per_second == report.account.rows_read / 2.5


@pytest.mark.parametrize(("stopped", "status"), [(False, "failed"), (True, "cancelled")])
def test_an_input_that_was_changed_is_named(stopped, status) -> None:
    report = reported(PLAN, TEN, Measurements(10), stopped=stopped, changed="in.jsonl")
    why = "" if stopped else "input in.jsonl was changed while it was read; enroll it again"
    assert (report.status, report.error) == (status, why)


def test_ids_that_could_not_be_read_are_told_unless_the_input_is_damaged() -> None:
    unread = replace(PLAN, ids_unread=frozenset({"a.parquet"}))
    why = "not all ids could be read when duplicates were looked for; enroll again"
    assert reported(unread, TEN, Measurements(10)).error == why
    assert reported(unread, DAMAGED, Measurements(6)).error == ""


def test_what_was_not_read_is_unknown_under_a_limit() -> None:
    plan = replace(PLAN, cut_short=True)
    report = reported(plan, TEN, Measurements(10))
    assert (report.status, report.rows_not_read) == ("finished", None)
    lacking = reported(plan, FEWER, Measurements(9))  # of those that it allows
    assert lacking.status == "failed"


def test_not_all_are_refused_where_not_all_were_looked_at() -> None:
    plan = replace(PLAN, requests=Requests(Counter(ERR_NOT_FOUND=1)), person_rows=0)
    for seen_whole in (True, False):
        report = reported(replace(plan, seen_whole=seen_whole), TEN, Measurements(10), refused=1)
        assert report.all_refused is seen_whole


def test_names_of_unknown_columns_are_cut() -> None:
    plan = replace(PLAN, unknown_fields=frozenset({"a" * 300, "b"}))
    report = reported(plan, TEN, Measurements(10, unknown_fields=frozenset({"c"})))
    assert report.unknown_fields == ("a" * 200, "b", "c")


@pytest.mark.parametrize(
    ("faulty", "sound", "person_rows", "refused", "expected"),
    [
        pytest.param(0, 0, 0, 0, False, id="no_requests"),
        pytest.param(2, 0, 0, 2, True, id="all_of_them"),
        pytest.param(1, 1, 0, 2, True, id="for_several_reasons"),
        pytest.param(1, 1, 0, 1, False, id="not_all"),
        pytest.param(2, 0, 1, 2, False, id="but_a_row_was_not"),
    ],
)
def test_all_refused(faulty, sound, person_rows, refused, expected) -> None:
    requests = Requests(Counter(ERR_NOT_FOUND=faulty), Counter(staff=sound))
    plan = replace(PLAN, requests=requests, person_rows=person_rows)
    report = reported(plan, TEN, Measurements(10), refused=refused)
    assert (report.requests, report.requests_refused) == (
        faulty + sound,
        {"ERR_NOT_FOUND": refused},
    )
    assert report.all_refused is expected


def test_a_failure_is_told_by_class_and_place() -> None:
    try:
        try:
            raise KeyError("private")
        except KeyError as error:
            raise RuntimeError("private too") from error
    except RuntimeError as failure:
        told = where(failure)
    assert told.startswith("KeyError at test_report.py:")
    assert "private" not in told
