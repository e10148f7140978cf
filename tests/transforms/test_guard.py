"""Outcomes pass a stage of batches, and what fails fails alone."""

from schemas.errors import Code, Detail, RejectedError
from schemas.records import Outcome
from tests.builders import make_person, make_ref
from transforms.guard import BatchStage


class Upper(BatchStage):
    """Gives the ids in capitals."""

    stage = "upper"

    def __init__(self):
        self.sizes = []

    def advance(self, persons):
        self.sizes.append(len(persons))
        if any(each.person_id == "bad" for each in persons):
            raise RejectedError(Code.INTERNAL_ERROR, Detail.STORE_REFUSED)
        return [each.person_id.upper() for each in persons]


def persons(*ids):
    return [make_person(person_id=each) for each in ids]


def test_a_batch_is_advanced_at_once():
    stage = Upper()
    assert list(stage.process(persons("a", "b"))) == ["A", "B"]
    assert stage.sizes == [2]


def test_an_outcome_is_handed_on():
    stage, outcome = Upper(), Outcome(make_ref(), Code.FACE_NOT_DETECTED, "JD1")
    assert list(stage.process([outcome])) == [outcome]
    assert list(stage.process([outcome, *persons("b")])) == [outcome, "B"]
    assert stage.sizes == [1]


def test_one_that_fails_stands_alone():
    stage = Upper()
    first, failed, last = stage.process(persons("b", "bad", "c"))
    assert (first, last) == ("B", "C")
    assert (failed.code, failed.person_id) == (Code.INTERNAL_ERROR, "bad")
    assert stage.sizes == [3, 1, 1, 1]
