"""The number of workers changes nothing but the time, through the real command."""

from pathlib import Path

import numpy as np

from tests.command import Muster
from tests.payloads import people, row, write_lines


def test_workers_change_no_outcome_and_no_vector(muster: Muster, tmp_path: Path) -> None:
    rows = [*people(12), row("rubbish", b"no image"), row("twin", b"x"), *people(3)]
    payload = write_lines(tmp_path / "in.jsonl", rows)
    ids = {each["person_id"] for each in rows}
    records, stored = [], []
    for workers in ("1", "2", "4"):
        muster.store = str(tmp_path / f"store-{workers}")
        muster.create()
        ended = muster.enroll(f"run-{workers}", payload, "--workers", workers)
        assert ended.code == 0, ended.stderr
        assert ended.json["enrolled"] == 12
        records.append(muster.records(f"run-{workers}"))
        stored.append(muster.stored(*ids))
    assert records[0] == records[1] == records[2]
    for other in stored[1:]:
        assert other.keys() == stored[0].keys()
        for person, point in other.items():
            assert float(np.dot(point.vector, stored[0][person].vector)) > 0.9999
