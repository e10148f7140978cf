"""The developers' 600 photos through the real command, against an independent loop's vectors."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import Muster, outcomes


@pytest.fixture
def reference(shared_data: Path) -> Any:
    return np.load(shared_data / "lfw_sample_reference.npz")


def test_reject_then_center(muster: Muster, shared_data: Path, reference: Any) -> None:
    muster.create()
    photos = shared_data / "lfw_sample.parquet"
    faces = dict(zip(reference["person_id"].tolist(), reference["faces"].tolist(), strict=True))

    assert muster.enroll("reject", photos).code == 0
    expected = {
        person: ("OK", "enrolled") if number == 1 else ("ERR_MULTIPLE_FACES", str(number))
        for person, number in faces.items()
    }
    assert outcomes(muster.records("reject")) == expected

    stored = muster.stored(*faces)
    for person, vector in zip(reference["person_id"], reference["embedding"], strict=True):
        if faces[person] == 1:
            assert float(stored[person].vector @ vector) >= 0.999

    center = muster.enroll("center", photos, "--multiple-faces", "center")
    assert (center.json["enrolled"], center.json["updated"]) == (99, 501)
    again = muster.enroll("again", photos, "--multiple-faces", "center")
    assert again.json == {
        "rows_read": 600, "enrolled": 0, "updated": 0, "unchanged": 600, "rejected": {},
    }  # fmt: skip
    assert set(muster.report("again")["stages"]) == {"check", "look_up"}

    rows = pq.read_table(photos).to_pylist()
    for n in range(5):
        rows[n]["person_name"] += " changed"
        rows[10 + n]["face_base_64"] = rows[20 + n]["face_base_64"]
    rows[30]["metadata"] = [("dataset", "other")]
    changed = muster.folder / "changed.parquet"
    pq.write_table(pa.Table.from_pylist(rows, pq.read_schema(photos)), changed)
    ended = muster.enroll("changed", changed, "--multiple-faces", "center")
    assert (ended.json["updated"], ended.json["unchanged"]) == (11, 589)
