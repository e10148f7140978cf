"""Batches are bounded, outcomes do not wait for them, and what fails fails alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Code, Detail, RejectedError
from schemas.records import Outcome
from tests.builders import make_person, make_ref, through
from transforms import batches
from transforms.batches import BatchStage, by_collection


class Upper(BatchStage):
    """Gives the ids in capitals. A row's number is how many bytes it holds."""

    stage = "upper"
    max_records, max_bytes = 4, 400

    def __init__(self):
        self.batches = []

    def size(self, person):
        return person.ref.row

    def advance(self, persons):
        self.batches.append([each.ref.row for each in persons])
        if any(each.person_id == "bad" for each in persons):
            raise RejectedError(Code.INTERNAL_ERROR, Detail.STORE_REFUSED)
        return [each.person_id.upper() for each in persons]


@pytest.fixture
def stage(monkeypatch):
    monkeypatch.setattr(batches, "randrange", lambda _: 0)
    return Upper()


def persons(*ids):
    return [make_person(person_id=each, ref=make_ref(row=1)) for each in ids]


@given(st.lists(st.sampled_from(["staff", "guests", "visitors"]), max_size=12))
def test_each_collection_is_worked_on_once_and_the_order_stays(collections):
    records = [
        make_person(ref=make_ref(row=n, collection=name)) for n, name in enumerate(collections)
    ]
    asked = []

    def work(collection, theirs):
        assert {each.ref.collection for each in theirs} == {collection}
        asked.append(collection)
        return [each.ref.row for each in theirs]

    assert by_collection(records, work) == list(range(len(records)))
    assert asked == list(dict.fromkeys(collections))


def test_a_batch_is_bounded_by_count_and_by_bytes(stage):
    sizes = [1, 2, 3, 4, 250, 160, 90, 500, 5]
    through(stage, [make_person(ref=make_ref(row=size)) for size in sizes])
    assert stage.batches == [[1, 2, 3, 4], [250], [160, 90], [500], [5]]


def test_what_is_advanced_comes_in_order(stage):
    assert through(stage, persons(*"abcdef")) == list("ABCDEF")
    assert [len(each) for each in stage.batches] == [4, 2]


def test_nothing_is_advanced_where_there_is_nothing(stage):
    assert through(stage, []) == []
    assert stage.batches == []


def test_an_outcome_does_not_wait_for_a_batch(stage):
    outcome = Outcome(make_ref(), Code.FACE_NOT_DETECTED, "JD1")
    assert through(stage, [*persons("a"), outcome, *persons("b")]) == [outcome, "A", "B"]
    assert len(stage.batches) == 1


@pytest.mark.parametrize(
    ("taken", "sizes"), [(0, [4, 4, 2]), (200, [2, 4, 4]), (399, [1, 4, 4, 1])]
)
def test_a_worker_s_first_batch_ends_early_by_chance(monkeypatch, taken, sizes):
    monkeypatch.setattr(batches, "randrange", lambda _: taken)
    stage = Upper()
    through(stage, persons(*"abcdefghij"))
    assert [len(each) for each in stage.batches] == sizes


def test_one_that_fails_stands_alone(stage):
    first, failed, last = through(stage, persons("b", "bad", "c"))
    assert (first, last) == ("B", "C")
    assert (failed.code, failed.person_id) == (Code.INTERNAL_ERROR, "bad")
    assert [len(each) for each in stage.batches] == [3, 1, 1, 1]
