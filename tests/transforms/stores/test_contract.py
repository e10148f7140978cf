"""What every store promises, whichever it is: embedded, the test server, a real server."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from schemas.errors import Code
from tests.transforms.stores.conftest import OTHER_STAMP, STAMP, point, points
from transforms.stores.base import (
    MAX_REQUEST_POINTS,
    Collection,
    Store,
    StoreError,
    StoreRefusedError,
    StoreSpec,
)
from transforms.stores.connect import connected

pytestmark = pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")

NewName = Callable[[str], str]


def num_persons(store: Store, name: str) -> int:
    found = store.find_collection(name)
    assert found is not None
    return found.num_persons


def listed(store: Store, names: Sequence[str]) -> list[Collection]:
    """Gives those of the names that the store lists, in its order: a real one may hold others."""
    return [each for each in store.list_collections() if each.name in names]


def test_a_new_collection_is_empty_and_bears_its_stamp(store: Store, new_name: NewName) -> None:
    name = new_name("a.b_c-D1")
    store.create_collection(name, STAMP)
    assert store.find_collection(name) == Collection(name, 0, STAMP)
    assert store.find_collection(name, count=False) == Collection(name, None, STAMP)


def test_lists_collections_by_name(store: Store, new_name: NewName) -> None:
    first, second, third = new_name("a"), new_name("b"), new_name("c")
    for name, stamp in ((third, STAMP), (first, STAMP), (second, OTHER_STAMP)):
        store.create_collection(name, stamp)
    store.upsert(third, points(range(3)))
    assert listed(store, (first, second, third)) == [
        Collection(first, 0, STAMP),
        Collection(second, 0, OTHER_STAMP),
        Collection(third, 3, STAMP),
    ]


def test_creating_twice_is_refused_and_changes_nothing(store: Store, collection: str) -> None:
    store.upsert(collection, [point(1)])
    with pytest.raises(StoreError) as raised:
        store.create_collection(collection, OTHER_STAMP)
    assert raised.value.code is Code.ALREADY_EXISTS
    assert store.find_collection(collection) == Collection(collection, 1, STAMP)


def test_a_deleted_collection_is_gone(store: Store, collection: str) -> None:
    store.upsert(collection, [point(1)])
    store.delete_collection(collection)
    assert store.find_collection(collection) is None
    assert listed(store, [collection]) == []


def test_a_name_can_be_used_again_for_another_pack(store: Store, collection: str) -> None:
    store.upsert(collection, [point(1)])
    store.delete_collection(collection)
    store.create_collection(collection, OTHER_STAMP)
    assert store.find_collection(collection) == Collection(collection, 0, OTHER_STAMP)
    again = point(1, OTHER_STAMP)
    store.upsert(collection, [again])
    found = store.get(collection, again.id)
    assert found is not None
    assert found.vector.shape == (OTHER_STAMP.dimension,)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda store, name: store.delete_collection(name), id="delete"),
        pytest.param(lambda store, name: store.upsert(name, [point(1)]), id="upsert"),
        pytest.param(lambda store, name: store.look_up(name, [point(1).id], ["a"]), id="look_up"),
        pytest.param(lambda store, name: store.get(name, point(1).id), id="get"),
    ],
)
def test_a_missing_collection(
    store: Store, new_name: NewName, call: Callable[[Store, str], object]
) -> None:
    name = new_name("missing")
    assert store.find_collection(name) is None
    with pytest.raises(StoreError) as raised:
        call(store, name)
    assert raised.value.code is Code.NOT_FOUND
    assert store.find_collection(name) is None


def test_looks_up_the_fields_asked_for_of_points_that_exist(store: Store, collection: str) -> None:
    store.upsert(collection, [point(1, a=1, b="x", c=[1]), point(2, b="y"), point(3, a=3)])
    ids = [point(number).id for number in (1, 2, 9)]
    assert store.look_up(collection, ids, ["a", "b"]) == {
        ids[0]: {"a": 1, "b": "x"},
        ids[1]: {"b": "y"},
    }
    assert store.look_up(collection, ids, []) == {ids[0]: {}, ids[1]: {}}


def test_looks_up_nothing(store: Store, collection: str) -> None:
    store.upsert(collection, [point(1, a=1)])
    assert store.look_up(collection, [], ["a"]) == {}


def test_upsert_replaces_whole_points(store: Store, collection: str) -> None:
    old, other = point(1, kept="old", gone="old"), point(2, kept="other")
    new = point(3, kept="new")
    store.upsert(collection, [old, other])
    store.upsert(collection, [replace(new, id=old.id)])
    found = store.get(collection, old.id)
    assert found is not None
    assert found.payload == {"kept": "new"}
    assert float(found.vector @ new.vector) > 0.99999
    assert store.look_up(collection, [other.id], ["kept"]) == {other.id: {"kept": "other"}}


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({}, id="none"),
        pytest.param(
            {
                "person_id": "JD 1/ü\n\u2028",
                "person_name": "Zoë Þórsdóttir 山田太郎 🙂",
                "metadata": {},
                "box": [0.1, 12.34, 1e-7, 4000.0],
                "detection_score": 0.987654,
            },
            id="non_ascii_and_empty_metadata",
        ),
        pytest.param(
            {
                "metadata": {"": "", "a.b": "x[]", "größe": "1,80", "note": '"\\\t'},
                "pack": {"name": "p", "nested": {"list": [1, [2.5, None], {"x": True}]}},
            },
            id="nested",
        ),
    ],
)
def test_get_gives_the_point_as_it_was_put(
    store: Store, collection: str, payload: Mapping[str, Any]
) -> None:
    put = point(1, **payload)
    store.upsert(collection, [put])
    found = store.get(collection, put.id)
    assert found is not None
    assert (found.id, found.payload) == (put.id, payload)
    assert found.vector.dtype == np.float32
    assert found.vector.shape == (STAMP.dimension,)
    assert float(found.vector @ put.vector) > 0.99999
    assert store.get(collection, point(2).id) is None


def test_counts_exactly_after_points_are_put_again(store: Store, collection: str) -> None:
    for numbers in (range(100), range(50, 150), range(150), range(149, 151)):
        store.upsert(collection, points(numbers))
    assert num_persons(store, collection) == 151


@pytest.mark.parametrize("wrong", [{"dimension": STAMP.dimension - 1}, {"pack": OTHER_STAMP.pack}])
def test_refuses_a_batch_with_a_wrong_vector_and_takes_it_without(
    store: Store, collection: str, wrong: dict[str, Any]
) -> None:
    good, secret = points(range(20), a="good"), "payload-of-the-bad-point"
    bad = point(99, replace(STAMP, **wrong), person_name=secret)
    with pytest.raises(StoreRefusedError) as raised:
        store.upsert(collection, [*good[:10], bad, *good[10:]])
    assert secret not in str(raised.value)
    store.upsert(collection, good)
    assert num_persons(store, collection) == 20
    assert store.get(collection, bad.id) is None


def test_takes_a_full_request_of_large_points(store: Store, collection: str) -> None:
    large = points(range(MAX_REQUEST_POINTS), image="/9j4" * 5_000)
    store.upsert(collection, large)
    assert num_persons(store, collection) == MAX_REQUEST_POINTS
    found = store.get(collection, large[-1].id)
    assert found is not None
    assert found.payload == {"image": "/9j4" * 5_000}
    held = store.look_up(collection, [each.id for each in large], ["no_such_field"])
    assert held == {each.id: {} for each in large}


def test_loses_nothing_of_many_threads(store: Store, collection: str) -> None:
    def put(worker: int) -> None:
        for first in range(worker * 64, worker * 64 + 64, 16):
            batch = points(range(first, first + 16), worker=worker)
            store.upsert(collection, batch)
            held = store.look_up(collection, [each.id for each in batch], ["worker"])
            assert held == {each.id: {"worker": worker} for each in batch}

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(8)))
    assert num_persons(store, collection) == 8 * 64


def test_keeps_everything_when_it_is_opened_again(spec: StoreSpec, new_name: NewName) -> None:
    name, put = new_name("kept"), point(7, person_name="Ada")
    with connected(spec) as store:
        store.create_collection(name, STAMP)
        store.upsert(name, points(range(10)))
        store.upsert(name, [put])
    with connected(spec) as store:
        assert listed(store, [name]) == [Collection(name, 10, STAMP)]
        found = store.get(name, put.id)
        assert found is not None
        assert found.payload == {"person_name": "Ada"}
        assert float(found.vector @ put.vector) > 0.99999


def test_optimizing_keeps_everything(store: Store, collection: str) -> None:
    store.upsert(collection, points(range(300), a=1))
    store.optimize_collection(collection)
    assert store.find_collection(collection) == Collection(collection, 300, STAMP)
    last = point(299).id
    assert store.look_up(collection, [last], ["a"]) == {last: {"a": 1}}
    store.upsert(collection, points(range(299, 301), a=2))
    assert num_persons(store, collection) == 301
    assert store.look_up(collection, [last], ["a"]) == {last: {"a": 2}}
