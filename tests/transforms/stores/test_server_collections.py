"""What the server store makes of a collection, and of those that others made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import Code
from tests.qdrant_server import QdrantTestServer
from tests.transforms.stores.conftest import STAMP, point
from transforms.stores.base import Store, StoreError
from transforms.stores.server import ServerSpec


@pytest.fixture
def server(tmp_path: Path) -> Iterator[QdrantTestServer]:
    with QdrantTestServer(tmp_path) as server:
        yield server


@pytest.fixture
def store(server: QdrantTestServer) -> Store:
    return ServerSpec(server.url, 0.0).open()


def test_person_ids_are_indexed(server: QdrantTestServer, store: Store) -> None:
    store.create_collection("new", STAMP)
    schema = server.collections.held["new"].shard.info().payload_schema
    assert list(schema) == ["person_id"]


def test_half_of_a_collection_is_not_left(server: QdrantTestServer, store: Store) -> None:
    server.fail_with = lambda _, path: (500, {}) if path.endswith("/index") else None
    with pytest.raises(StoreError) as raised:
        store.create_collection("new", STAMP)
    assert raised.value.code is Code.DATABASE_ERROR
    assert not server.collections.held


def test_a_server_that_keeps_no_metadata_is_refused(server: QdrantTestServer, store: Store) -> None:
    server.keeps_metadata = False
    with pytest.raises(StoreError, match=r"Muster needs Qdrant 1\.16 or later") as raised:
        store.create_collection("new", STAMP)
    assert raised.value.code is Code.DATABASE_ERROR
    assert not server.collections.held


def test_a_collection_of_somebody_else_bears_no_stamp(
    server: QdrantTestServer, store: Store
) -> None:
    vectors = {"other": {"size": 4, "distance": "Cosine"}}
    server.collections.create("theirs", {"vectors": vectors, "metadata": {"muster": "?"}})
    found = store.find_collection("theirs")
    assert found is not None
    assert found.stamp is None
    with pytest.raises(StoreError) as raised:
        store.upsert("theirs", [point(1, 4)])
    assert raised.value.code is Code.NOT_FOUND
