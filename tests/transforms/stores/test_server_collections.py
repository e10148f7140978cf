"""What the server store makes of a collection, and of those that others made."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from qdrant_client.http.api_client import BaseMiddleware
from qdrant_client.http.exceptions import ResponseHandlingException

from schemas.errors import Code
from tests.qdrant_server import QdrantTestServer
from tests.transforms.stores.conftest import OTHER_STAMP, STAMP, point, points
from transforms.stores.base import Collection, Store, StoreError, StoreRefusedError
from transforms.stores.retries import TransientError
from transforms.stores.server import ServerSpec, _translated


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
    with pytest.raises(StoreRefusedError):
        store.upsert("theirs", [point(1, OTHER_STAMP)])
    theirs = point(1, replace(OTHER_STAMP, pack="other"))
    store.upsert("theirs", [theirs])
    with pytest.raises(StoreError) as raised:
        store.get("theirs", theirs.id)
    assert raised.value.code is Code.NOT_FOUND


def test_a_server_that_does_not_count_exactly_is_used_all_the_same(
    server: QdrantTestServer, store: Store
) -> None:
    """In strict mode a server may refuse to, and in a large collection it may not end in time."""
    store.create_collection("new", STAMP)
    server.fail_with = lambda _, path: (400, {}) if path.endswith("/count") else None
    assert store.find_collection("new") == Collection("new", None, STAMP)


def test_a_collection_that_cannot_be_looked_at_is_listed(
    server: QdrantTestServer, store: Store
) -> None:
    for name in ("ours", "theirs"):
        store.create_collection(name, STAMP)
    server.fail_with = lambda _, path: (500, {}) if path.endswith("/theirs") else None
    assert store.list_collections() == [
        Collection("ours", 0, STAMP),
        Collection("theirs", None, None),
    ]


def test_a_404_that_is_not_of_qdrant_says_nothing_of_collections(server: QdrantTestServer) -> None:
    with pytest.raises(StoreError, match="is the URL right") as raised:
        ServerSpec(f"{server.url}/of/something/else", 0.0).open().find_collection("new")
    assert raised.value.code is Code.DATABASE_ERROR


def test_what_is_too_much_for_a_server_is_asked_for_in_smaller_requests(
    server: QdrantTestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No waiting helps against that limit. Of writes each point is sent alone then."""
    store = ServerSpec(server.url, 0.0).open()
    store.create_collection("new", STAMP)
    store.upsert("new", points(range(7), a=1))
    why = "Read rate limit exceeded, request larger than capacity, please try to split your request"
    refusal = httpx.Response(429, json={"status": {"error": why}})
    asked, most = [], 2

    def at_most_two(request: httpx.Request, send: Any) -> httpx.Response:
        asked.append(len(json.loads(request.content or b"{}").get("ids", [])))
        return store._checked(request, send if asked[-1] <= most else lambda _: refusal)

    client = store._client.http.client
    monkeypatch.setattr(client, "middleware", BaseMiddleware())
    client.add_middleware(at_most_two)
    ids = [each.id for each in points(range(7))]
    assert store.look_up("new", ids, ["a"]) == {each: {"a": 1} for each in ids}
    assert asked == [7, 3, 1, 2, 4, 2, 2]
    most = 0
    with pytest.raises(StoreError, match="fewer at a time"):
        store.look_up("new", ids, ["a"])


def test_a_certificate_that_is_not_trusted_is_told() -> None:
    def call() -> None:
        raise ResponseHandlingException(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] ..."))

    with pytest.raises(TransientError, match="SSL_CERT_FILE"):
        _translated(call)
