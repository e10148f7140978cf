from hypothesis import given
from hypothesis import strategies as st

from tests.builders import make_person, make_ref
from transforms.batches import by_collection


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
