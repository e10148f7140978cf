import dataclasses
import signal
from typing import Any

import pytest

from pipelines.config import RejectedLimit
from pipelines.exit_codes import exit_code, reasons
from schemas.report import Account, Report, Status

INVALID = "ERR_INVALID_IMAGE"
DATABASE = "ERR_DATABASE_ERROR"
INTERNAL = "ERR_INTERNAL_ERROR"
FINISHED, FAILED, CANCELLED = Status


def report(status: Status, rejected: dict[str, int], damaged: int = 0) -> Report:
    enrolled = 100 - sum(rejected.values())
    rest: dict[str, Any] = dict.fromkeys(Report.__dataclass_fields__)
    rest |= {
        "status": status,
        "account": Account(100, enrolled, 0, 0, rejected),
        "codes": {"OK": enrolled} | rejected,
        "damaged_inputs": damaged,
    }
    return Report(**rest)


@pytest.mark.parametrize(
    ("status", "rejected", "damaged", "limit", "received", "expected"),
    [
        pytest.param(FINISHED, {}, 0, None, None, 0, id="all enrolled"),
        pytest.param(FINISHED, {INVALID: 100}, 0, None, None, 0, id="all rejected"),
        pytest.param(FINISHED, {INVALID: 5}, 0, "5", None, 0, id="as many as allowed"),
        pytest.param(FINISHED, {INVALID: 5}, 0, "5%", None, 0, id="the share allowed"),
        pytest.param(FINISHED, {INVALID: 6}, 0, "5", None, 3, id="more than allowed"),
        pytest.param(FINISHED, {INVALID: 6}, 0, "5%", None, 3, id="a larger share"),
        pytest.param(FINISHED, {DATABASE: 1}, 0, None, None, 1, id="the store failed"),
        pytest.param(FINISHED, {INTERNAL: 1}, 0, None, None, 1, id="we failed"),
        pytest.param(FINISHED, {}, 1, None, None, 1, id="a damaged input"),
        pytest.param(FINISHED, {INTERNAL: 1, INVALID: 50}, 0, "5", None, 1, id="1 beats 3"),
        pytest.param(FAILED, {}, 0, None, None, 1, id="the run failed"),
        pytest.param(FAILED, {INVALID: 50}, 0, "5", None, 1, id="failed beats 3"),
        pytest.param(CANCELLED, {}, 0, None, signal.SIGINT, 130, id="SIGINT"),
        pytest.param(CANCELLED, {}, 0, None, signal.SIGTERM, 143, id="SIGTERM"),
        pytest.param(CANCELLED, {INVALID: 50}, 0, "5", signal.SIGINT, 130, id="cancelled beats 3"),
        pytest.param(CANCELLED, {}, 0, None, None, 1, id="cancelled by no signal"),
        pytest.param(FINISHED, {}, 0, None, signal.SIGINT, 0, id="finished before it was heard"),
        pytest.param(FAILED, {}, 0, None, signal.SIGINT, 1, id="failed although cancelled"),
    ],
)
def test_exit_codes(status, rejected, damaged, limit, received, expected):
    allowed = None if limit is None else RejectedLimit.parse(limit)
    assert exit_code(report(status, rejected, damaged), allowed, received) == expected


@pytest.mark.parametrize(
    ("changes", "received", "expected"),
    [
        pytest.param({}, None, 3, id="many rejected"),
        pytest.param({"all_refused": True}, None, 4, id="4 beats 3"),
        pytest.param({"all_refused": True, "damaged_inputs": 1}, None, 1, id="1 beats 4"),
        pytest.param({"all_refused": True, "status": FAILED}, None, 1, id="failed beats 4"),
        pytest.param(
            {"all_refused": True, "damaged_inputs": 1, "status": CANCELLED},
            signal.SIGINT,
            130,
            id="cancelled beats all",
        ),
    ],
)
def test_which_of_several_is_told(changes, received, expected):
    found = dataclasses.replace(report(FINISHED, {INVALID: 50}), **changes)
    assert exit_code(found, RejectedLimit(5), received) == expected


@pytest.mark.parametrize(
    ("changes", "limit", "told"),
    [
        ({}, None, []),
        ({"rejected": {INVALID: 5}}, "5", []),
        (
            {"rejected": {INVALID: 6}},
            "5%",
            ["6 of 100 rows were rejected, more than --max-rejected 5% allows"],
        ),
        (
            {"rejected": {INVALID: 6}},
            "5",
            ["6 of 100 rows were rejected, more than --max-rejected 5 allows"],
        ),
        ({"damaged": 1}, None, ["damaged inputs: 1; their records that tell no row say where"]),
        (
            {"rejected": {INTERNAL: 2}},
            None,
            ["2 rows failed for no reason of their own; enroll them again"],
        ),
        (
            {"rejected": {DATABASE: 2}, "error": "the store was given up"},
            None,
            ["the run failed: the store was given up"],
        ),
        ({"all_refused": True}, None, ["every request was refused; the records tell why"]),
    ],
)
def test_what_a_person_should_know(changes, limit, told):
    allowed = None if limit is None else RejectedLimit.parse(limit)
    rejected, damaged = changes.pop("rejected", {}), changes.pop("damaged", 0)
    found = dataclasses.replace(report(FINISHED, rejected, damaged), **changes)
    assert list(reasons(found, allowed)) == told
