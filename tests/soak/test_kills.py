"""The short form of tests/soak/kills.py: one kill of each kind that is aimed, on both stores."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.command import Muster
from tests.payloads import people
from tests.soak.after_kills import aftermath, differences, not_whole
from tests.soak.kills import PHASES, soak
from tests.soak.payload import Payload, write_payload


@pytest.mark.timeout(180)
def test_a_killed_run_goes_on_as_if_nothing_had_been() -> None:
    phases, bad = soak(runs=4, seed=1, photos=16)
    assert bad == 0
    assert phases.total() == 4
    assert phases[PHASES[2]] + phases[PHASES[3]] > 0  # not before all that matters


@pytest.fixture
def payload(tmp_path: Path) -> Payload:
    return write_payload(tmp_path / "in.parquet", 6, seed=1)


def test_the_program_sees_what_is_wrong(muster: Muster, payload: Payload) -> None:
    """A check that passes everything would prove nothing."""
    muster.create()
    options = ("--multiple-faces", "center", "--keep-rejected")
    assert muster.enroll("run", payload.path, *options).code == 0
    run = muster.folder / "run"
    good = aftermath(run, muster.store, payload)
    assert len(good.persons) == good.num_persons == len(payload.good) == 6
    assert good.rejected == sorted(payload.bad)
    assert differences(good, aftermath(run, muster.store, payload)) == []
    assert not_whole(run) == []

    person = payload.good[0]
    point = good.persons[person]
    turned = dataclasses.replace(point, vector=np.roll(point.vector, 1))
    renamed = dataclasses.replace(point, payload={**point.payload, "person_name": "another"})
    touched = dataclasses.replace(point, payload={**point.payload, "updated_at": "another time"})

    def said(**changes: object) -> list[str]:
        return differences(good, dataclasses.replace(good, **changes))

    assert said(persons={**good.persons, person: touched}) == []
    assert said(persons={**good.persons, person: turned}) == [f"{person} has another vector"]
    assert said(persons={**good.persons, person: renamed}) == [f"{person} has another payload"]
    assert said(persons={}) == [f"other persons: {sorted(good.persons)}"]
    assert said(num_persons=7) == ["7 persons in the store, expected 6"]
    assert said(rejected=()) == ["kept of the rejected rows: ()"]
    assert said(files=[*good.files, "results/beam-temp-x"]) == ["left over: results/beam-temp-x"]
    assert [each.partition(":")[0] for each in said(records=[*good.records, good.records[0]])] == [
        "the account does not close",
        "the records tell of other outcomes",
    ]

    results = min((run / "results").iterdir())
    results.write_bytes(results.read_bytes()[:-9])
    (run / "manifest.json").write_text('{"inputs": [')
    assert [each.split()[0] for each in not_whole(run)] == ["manifest.json", results.name]


def test_without_the_sample_portraits_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.soak.payload.SAMPLE", tmp_path / "none")
    payload = write_payload(tmp_path / "in.parquet", 5, seed=1)
    assert sorted(payload.good) == [each["person_id"] for each in people(5)]
