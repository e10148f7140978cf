"""What becomes of a batch of which not all can be stored."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from schemas.errors import Code
from schemas.options import Rules
from schemas.records import EmbeddedFace, Face
from tests.builders import make_person, make_ref, through
from tests.fakes import NullPack, NullStoreSpec
from transforms import upsert_persons
from transforms.run_state import RUN_STATE
from transforms.stores.base import StoreError


@dataclass
class HalfAStore:
    """Takes points for all collections but `gone`."""

    taken: list = field(default_factory=list)
    points: list = field(default_factory=list)

    def upsert(self, collection, points):
        if collection == "gone":
            raise StoreError(Code.DATABASE_ERROR, "away")
        self.points += points
        self.taken += [(collection, each.payload["person_id"]) for each in points]


def embedded(person_id, collection, score=0.9):
    person = make_person(person_id=person_id, ref=make_ref(collection=collection))
    face = Face((0.0, 0.0, 1.0, 1.0), np.zeros((5, 2), np.float32), score)
    return EmbeddedFace(person, face, np.full(16, 0.25, np.float32), b"")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> HalfAStore:
    """The store that the stage writes to."""
    made = HalfAStore()
    monkeypatch.setattr(upsert_persons, "handle", lambda _: made)
    return made


@pytest.fixture
def stage() -> upsert_persons._UpsertFn:
    return upsert_persons._UpsertFn(NullStoreSpec(), NullPack(), Rules())


def test_what_was_acknowledged_is_recorded(
    store: HalfAStore, stage: upsert_persons._UpsertFn
) -> None:
    RUN_STATE.begin("")
    batch = [embedded("a", "staff"), embedded("b", "gone"), embedded("c", "staff")]
    ends = [(each.person_id, each.code) for each in through(stage, batch)]
    assert ends == [("a", Code.OK), ("b", Code.DATABASE_ERROR), ("c", Code.OK)]
    assert store.taken == [("staff", "a"), ("staff", "c")]
    assert [each.vector_name for each in store.points] == ["null", "null"]
    assert RUN_STATE.stopping
    RUN_STATE.begin("")


@pytest.mark.parametrize("score", [0.72105005, 0.85385042, 0.3048497, 0.9, 1.0])
def test_a_score_is_told_now_as_it_will_be_later(
    store: HalfAStore, stage: upsert_persons._UpsertFn, score: float
) -> None:
    """When the person is unchanged, from what is stored, to the last of the record's digits."""
    [outcome] = through(stage, [embedded("a", "staff", score)])
    later = replace(outcome, detection_score=store.points[0].payload["detection_score"])
    assert outcome.to_json() == later.to_json()


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(np.full(16, np.nan, np.float32), id="no number"),
        pytest.param(np.full(16, np.inf, np.float32), id="infinite"),
        pytest.param(np.full(16, 0.3, np.float32), id="too long"),
        pytest.param(np.zeros(16, np.float32), id="zero"),
        pytest.param(np.full(4, 0.5, np.float32), id="another shape"),
        pytest.param(np.full((1, 16), 0.25, np.float32), id="a row of them"),
    ],
)
def test_a_vector_that_would_spoil_a_store_stands_alone(
    store: HalfAStore, stage: upsert_persons._UpsertFn, bad: Any
) -> None:
    batch = [embedded("a", "staff"), replace(embedded("b", "staff"), vector=bad)]
    outcomes = through(stage, [*batch, embedded("c", "staff")])
    assert [(each.person_id, each.code, each.detail) for each in outcomes] == [
        ("a", Code.OK, ""),
        ("b", Code.INTERNAL_ERROR, "BadVectorError"),
        ("c", Code.OK, ""),
    ]
    assert [person for _, person in store.taken] == ["a", "c"]
