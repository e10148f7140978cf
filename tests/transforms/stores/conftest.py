"""Every kind of store, and the points that go into it."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from schemas.ids import point_id
from schemas.stamp import Stamp
from tests.qdrant_server import QdrantTestServer
from transforms.stores.base import Point, Store, StoreSpec
from transforms.stores.connect import connected, store_spec

STAMP = Stamp("pack-a", (("detector", "d" * 64), ("recogniser", "r" * 64)), 8, 1)
OTHER_STAMP = replace(STAMP, pack="pack-b", dimension=4)


def point(number: int, stamp: Stamp = STAMP, **payload: Any) -> Point:
    """Gives a person's point; equal numbers give equal ids and vectors."""
    vector = np.random.default_rng(number).standard_normal(stamp.dimension).astype(np.float32)
    unit = vector / np.linalg.norm(vector)
    return Point(point_id(f"person-{number}"), stamp.pack, unit, payload)


def points(numbers: range, **payload: Any) -> list[Point]:
    """Gives the points of these persons."""
    return [point(number, **payload) for number in numbers]


@pytest.fixture(autouse=True)
def _no_key_of_the_developer(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    callspec = getattr(request.node, "callspec", None)
    if callspec is None or callspec.params.get("spec") != "real-server":
        monkeypatch.delenv("QDRANT_API_KEY", raising=False)
        monkeypatch.delenv("QDRANT_API_KEY_FILE", raising=False)


@pytest.fixture(params=["embedded", "test-server", "real-server"])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreSpec]:
    """A store of each kind."""
    match request.param:
        case "embedded":
            yield store_spec(str(tmp_path / "store"))
        case "test-server":
            with QdrantTestServer(tmp_path / "server") as server:
                yield store_spec(server.url, retry_for_s=5.0)
        case _:
            if not os.environ.get("QDRANT_URL"):
                pytest.skip("QDRANT_URL names no Qdrant server to test against")
            yield store_spec(os.environ["QDRANT_URL"], retry_for_s=5.0)


@pytest.fixture
def store(spec: StoreSpec) -> Iterator[Store]:
    """The open store."""
    with connected(spec) as opened:
        yield opened


@pytest.fixture
def new_name(spec: StoreSpec) -> Iterator[Callable[[str], str]]:
    """Gives names that no other test uses; what bears one is deleted afterwards."""
    prefix, given = f"muster-test-{uuid4()}-", set[str]()

    def name(suffix: str) -> str:
        given.add(prefix + suffix)
        return prefix + suffix

    yield name
    with connected(spec) as opened:
        for each in given:
            if opened.find_collection(each) is not None:
                opened.delete_collection(each)


@pytest.fixture
def collection(store: Store, new_name: Callable[[str], str]) -> str:
    """An empty collection."""
    name = new_name("people")
    store.create_collection(name, STAMP)
    return name
