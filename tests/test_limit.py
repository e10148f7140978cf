"""`--limit`: the first rows only."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import Muster
from tests.payloads import body, people, write_json, write_lines


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("limit", [1, 4, 6, 9, 12, 100])
def test_the_first_rows_in_input_order(
    muster: Muster, tmp_path: Path, limit: int, workers: int
) -> None:
    muster.create()
    everyone = people(12)
    inputs = [tmp_path / "a.parquet", tmp_path / "b.jsonl", tmp_path / "c.json"]
    pq.write_table(pa.Table.from_pylist(everyone[:4]), inputs[0], row_group_size=3)
    write_lines(inputs[1], [everyone[4], b"", body(everyone[5:8])])
    write_json(inputs[2], body(everyone[8:]))
    done = muster.enroll("run", *inputs, "--limit", limit, "--workers", workers)
    assert done.code == 0
    read = min(limit, 12)
    ids = [each["metadata"]["person_id"] for each in muster.records("run")]
    assert ids == [each["person_id"] for each in everyone[:read]]
    report = muster.report("run")
    assert report["account"]["rows_read"] == report["account"]["enrolled"] == read
    assert report["rows_not_read"] == (None if limit < 12 else 0)


def test_rows_that_were_not_reached_are_no_lack_of_rows(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    bodies = write_json(tmp_path / "a.json", body(people(3)))
    rows = write_lines(tmp_path / "b.jsonl", people(3))
    assert muster.enroll("run", bodies, rows, "--limit", "2").json["enrolled"] == 2


def test_a_loser_is_one_of_the_rows_that_are_read(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    [someone] = people(1)
    lines = write_lines(tmp_path / "a.jsonl", [someone, someone, someone])
    assert muster.enroll("run", lines, "--limit", "2").json["rejected"] == {"ERR_DUPLICATE_ID": 1}
    assert muster.enroll("one", lines, "--limit", "1").json["unchanged"] == 1
