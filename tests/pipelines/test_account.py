import json
from pathlib import Path

import pytest

from pipelines.account import close_account, count_results
from schemas.errors import Code, Detail
from schemas.records import Outcome
from schemas.report import Account
from tests.builders import make_ref

RECORDS = [
    *[Outcome(make_ref(), Code.OK, "a", action="enrolled")] * 3,
    *[Outcome(make_ref(), Code.OK, "b", action="updated")] * 2,
    Outcome(make_ref(), Code.OK, "c", action="unchanged"),
    *[Outcome(make_ref(), Code.INVALID_IMAGE, "d", Detail.TRUNCATED)] * 2,
    Outcome(make_ref(), Code.UNPROCESSABLE_CONTENT, None, "person_name"),
    Outcome(make_ref(row=None), Code.UNPROCESSABLE_CONTENT, None, Detail.TRUNCATED_INPUT),
]


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run [1]" / "results").mkdir(parents=True)
    return tmp_path / "run [1]"


def write(run, name, outcomes):
    lines = (json.dumps(each.to_json(), ensure_ascii=False) + "\n" for each in outcomes)
    with open(run / "results" / f"results{name}", "w", encoding="utf-8") as file:
        file.writelines(lines)


def test_all_records_of_all_files_are_counted(run):
    write(run, "-00000-of-00003.jsonl", RECORDS[:4])
    write(run, "-00001-of-00003.jsonl", RECORDS[4:])
    write(run, "-00002-of-00003.jsonl", [])
    counts = count_results(run)
    assert counts.outcomes == {
        "enrolled": 3,
        "updated": 2,
        "unchanged": 1,
        "ERR_INVALID_IMAGE": 2,
        "ERR_UNPROCESSABLE_CONTENT": 2,
    }
    assert (counts.damage, len(counts.damaged_sources)) == (1, 1)
    assert counts.records == 10
    assert counts.codes == {"ERR_INVALID_IMAGE": 2, "ERR_UNPROCESSABLE_CONTENT": 2, "OK": 6}
    assert list(counts.codes) == sorted(counts.codes)


def test_other_files_are_not(run):
    write(run, "-00000-of-00001.jsonl.partial", RECORDS)
    write(run, "2.jsonl", RECORDS)
    assert count_results(run).records == 0


def test_a_run_without_results(run):
    counts = count_results(run)
    assert (counts.records, counts.damage, counts.codes) == (0, 0, {})


def test_the_account_closes_where_every_row_has_one_record(run):
    write(run, "-00000-of-00001.jsonl", RECORDS)
    account = close_account(10, count_results(run))
    rejected = {"ERR_INVALID_IMAGE": 2, "ERR_UNPROCESSABLE_CONTENT": 2}
    assert account == Account(10, enrolled=3, updated=2, unchanged=1, rejected=rejected)
    assert account.num_rejected == 4
    assert account.closes


@pytest.mark.parametrize("rows_read", [0, 9, 11])
def test_a_lost_or_doubled_record_shows(run, rows_read):
    write(run, "-00000-of-00001.jsonl", RECORDS)
    assert not close_account(rows_read, count_results(run)).closes


def test_nothing_read_and_nothing_written_closes():
    account = close_account(0, count_results(Path("nowhere")))
    assert account == Account(0, 0, 0, 0, {})
    assert account.closes
