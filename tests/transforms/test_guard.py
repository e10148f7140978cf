"""One batch is advanced while the next is made, and what fails fails alone."""

import threading

import pytest

from schemas.errors import Code, Detail, RejectedError
from schemas.records import Outcome
from tests.builders import make_person, make_ref
from transforms import guard
from transforms.guard import AheadStage

_LONG_S = 20.0


class Upper(AheadStage):
    """Gives the ids in capitals, in a thread of its own; some batches wait to be allowed."""

    stage = "upper"

    def __init__(self, waits_for=frozenset()):
        self.allowed = threading.Event()
        self.threads = set()
        self._waits_for = waits_for

    def advance(self, persons):
        self.threads.add(threading.current_thread())
        if self._waits_for & {each.person_id for each in persons}:
            assert self.allowed.wait(_LONG_S)
        if any(each.person_id == "bad" for each in persons):
            raise RejectedError(Code.INTERNAL_ERROR, Detail.STORE_REFUSED)
        return [each.person_id.upper() for each in persons]


@pytest.fixture
def quick_stage():
    started = Upper(waits_for={"a"})
    started.setup()
    started.start_bundle()
    yield started
    started.teardown()


@pytest.fixture
def stage(quick_stage, monkeypatch):
    """One whose batches are worth a thread, after the first."""
    monkeypatch.setattr(guard, "_WORTH_A_THREAD_NS", 0)
    assert list(quick_stage.process(persons("first"))) == ["FIRST"]
    quick_stage.threads.clear()
    return quick_stage


def persons(*ids):
    return [make_person(person_id=each) for each in ids]


def rest(stage):
    return [each.value for each in stage.finish_bundle()]


def test_a_batch_is_advanced_while_the_next_is_made(stage):
    """The first of them ends only when the second has been asked for."""
    assert list(stage.process(persons("a", "b"))) == []
    stage.allowed.set()
    assert list(stage.process(persons("c"))) == ["A", "B"]
    assert rest(stage) == ["C"]
    assert rest(stage) == []
    assert len(stage.threads) == 1
    assert threading.current_thread() not in stage.threads


def test_quick_batches_are_advanced_at_once(quick_stage):
    for each in ("b", "c", "d"):
        assert list(quick_stage.process(persons(each))) == [each.upper()]
    assert quick_stage.threads == {threading.current_thread()}
    assert rest(quick_stage) == []


def test_batches_that_become_quick_come_after_the_one_ahead(stage, monkeypatch):
    assert list(stage.process(persons("b"))) == []
    monkeypatch.setattr(guard, "_WORTH_A_THREAD_NS", 10**12)
    assert list(stage.process(persons("c"))) == ["B", "C"]
    assert rest(stage) == []


def test_an_outcome_does_not_wait(stage):
    outcome = Outcome(make_ref(), Code.FACE_NOT_DETECTED, "JD1")
    assert list(stage.process(persons("a"))) == []
    assert list(stage.process([outcome])) == [outcome]
    stage.allowed.set()
    assert list(stage.process([outcome, *persons("b")])) == [outcome, "A"]
    assert rest(stage) == ["B"]


def test_one_that_fails_stands_alone(stage):
    assert list(stage.process(persons("b", "bad", "c"))) == []
    first, failed, last = rest(stage)
    assert (first, last) == ("B", "C")
    assert (failed.code, failed.person_id) == (Code.INTERNAL_ERROR, "bad")


def test_what_a_failed_bundle_left_is_forgotten(stage):
    stage.process(persons("b"))
    stage.start_bundle()
    assert list(stage.process(persons("c"))) == []
    assert rest(stage) == ["C"]
