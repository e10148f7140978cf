"""What the report says of a run that did not go as it should."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from pipelines.account import ResultCounts
from pipelines.measurements import Measurements
from pipelines.plan_splits import Plan
from pipelines.report import make_report, where
from schemas.inputs import Form, InputFile

PLAN = Plan((InputFile("in.jsonl", Form.JSONL, 1, 10),), (), (), frozenset({"extra"}))
TEN = ResultCounts(Counter(enrolled=9, ERR_INVALID_IMAGE=1), 0, frozenset())
LOST = ResultCounts(Counter(enrolled=2, ERR_DATABASE_ERROR=1), 0, frozenset())
DAMAGED = ResultCounts(Counter(enrolled=4, ERR_UNPROCESSABLE_CONTENT=2), 2, frozenset({"a"}))


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
    ],
)
def test_status(counts, rows_read, error, stopped, expected) -> None:
    measurements = None if rows_read is None else Measurements(rows_read)
    report = make_report(
        PLAN, counts, measurements, began=datetime.now(UTC), error=error, stopped=stopped,
        taken_over=False,
    )  # fmt: skip
    assert (report.status, report.error, report.rows_not_read) == expected
    assert report.damaged_inputs == len(counts.damaged_sources)
    assert report.unknown_fields == ("extra",)


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
