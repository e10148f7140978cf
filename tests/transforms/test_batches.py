from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Code
from schemas.records import Outcome
from tests.builders import make_person, make_ref
from transforms.batches import _BatchFn, by_collection


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


def test_a_batch_is_bounded_by_count_and_by_bytes():
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
