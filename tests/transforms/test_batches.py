import numpy as np
import pytest
from apache_beam.coders import typecoders
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Code
from schemas.records import Outcome
from tests.builders import make_person, make_ref
from transforms import batches
from transforms.batches import Batch, _BatchFn, by_collection


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


def test_a_batch_is_bounded_by_count_and_by_bytes(monkeypatch):
    monkeypatch.setattr(batches, "randrange", lambda _: 0)
    stage = _BatchFn(max_records=4, max_bytes=400, size=lambda each: each.ref.row)
    stage.start_bundle()
    sizes = [1, 2, 3, 4, 250, 160, 90, 500, 5]
    full = [
        [each.ref.row for each in batch]
        for size in sizes
        for batch in stage.process(make_person(ref=make_ref(row=size)))
    ]
    full += [[each.ref.row for each in rest.value] for rest in stage.finish_bundle()]
    assert full == [[1, 2, 3, 4], [250], [160, 90], [500], [5]]


def test_an_outcome_does_not_wait_for_a_batch():
    stage = _BatchFn(max_records=4, max_bytes=400, size=lambda _: 1)
    stage.start_bundle()
    person, outcome = make_person(), Outcome(make_ref(), Code.FACE_NOT_DETECTED, "JD1")
    assert stage.process(person) == []
    assert stage.process(outcome) == [[outcome]]
    assert [each.value for each in stage.finish_bundle()] == [[person]]


@pytest.mark.parametrize(
    ("taken", "sizes"), [(0, [4, 4, 2]), (200, [2, 4, 4]), (399, [1, 4, 4, 1])]
)
def test_a_worker_s_first_batch_ends_early_by_chance(monkeypatch, taken, sizes):
    monkeypatch.setattr(batches, "randrange", lambda _: taken)
    stage = _BatchFn(max_records=4, max_bytes=400, size=lambda _: 1)
    stage.start_bundle()
    full = [each for _ in range(10) for each in stage.process(make_person())]
    full += [each.value for each in stage.finish_bundle()]
    assert [len(each) for each in full] == sizes


def test_a_batch_s_size_is_known_without_encoding_it():
    class Unpickled:
        def __reduce__(self):
            raise AssertionError("encoded")

    coder = typecoders.registry.get_coder(Batch)
    batch = Batch([Unpickled()])
    batch.weight = 5_000
    assert coder.get_impl().estimate_size(batch) == 5_000


def test_a_batch_survives_its_coder():
    batch = Batch([make_person(), np.float32(0.5)])
    batch.weight = 7
    coder = typecoders.registry.get_coder(Batch)
    found = coder.decode(coder.encode(batch))
    assert found == batch
    assert found.weight == 7
