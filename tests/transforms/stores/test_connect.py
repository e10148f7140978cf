"""Where a location leads, and that a process has one handle a store."""

import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schemas.errors import Code, UsageError
from tests.transforms.stores.conftest import STAMP
from transforms.stores.base import Collection, Store, StoreError
from transforms.stores.connect import connected, handle, store_spec
from transforms.stores.edge import EdgeSpec, EdgeStore
from transforms.stores.server import ServerSpec


@pytest.mark.parametrize(
    "url",
    ["http://localhost:6333", "https://qdrant.example.com/prefix", "HTTP://[::1]:80"],
)
def test_a_url_is_a_server(url: str) -> None:
    spec = store_spec(url, 7.0)
    assert spec == ServerSpec(url, 7.0)
    assert (spec.location, spec.embedded) == (url, False)


@pytest.mark.parametrize("location", ["store", "./a/store", "httpd", "http:store"])
def test_anything_else_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = store_spec(location)
    assert spec == EdgeSpec(location, str(tmp_path / location))
    assert (spec.location, spec.embedded) == (location, True)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://user:geheim@localhost:6333",
        "https://geheim@qdrant.example.com",
        "https://:geheim@qdrant.example.com/path",
    ],
)
def test_a_url_with_a_password_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError, match="QDRANT_API_KEY") as raised:
        store_spec(url)
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///path",
        "http://:6333",
        "http://localhost:port",
        "http://localhost:99999",
        "http://[::1",
        "http://local host:6333",
    ],
)
def test_a_url_that_means_nothing_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="http://localhost:6333"):
        store_spec(url)


@pytest.mark.parametrize("location", ["", "caf\udce9"])
def test_what_names_no_folder_is_refused(location: str) -> None:
    with pytest.raises(UsageError) as raised:
        store_spec(location)
    assert str(raised.value) == (
        f"--store {location!r}: expected the name of a folder, in UTF-8, or a server's URL"
    )


def test_a_file_is_no_store(tmp_path: Path) -> None:
    file = tmp_path / "store"
    file.write_bytes(b"")
    with pytest.raises(UsageError) as raised:
        store_spec(str(file))
    assert str(raised.value) == (f"--store {file}: is a file; expected a folder, or a server's URL")


@pytest.mark.parametrize("location", ["localhost:6333", "qdrant.example.com:80/prefix"])
def test_a_server_without_a_scheme_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="begins with http:// or https://"):
        store_spec(location)
    (tmp_path / location).mkdir(parents=True)  # it is a folder, then
    assert store_spec(location).embedded


def fails() -> None:
    raise RuntimeError("the block failed")


@pytest.mark.parametrize("ends", [pytest.param(lambda: None, id="ends"), fails])
def test_connected_closes_the_handle(tmp_path: Path, ends: Callable[[], None]) -> None:
    spec = store_spec(str(tmp_path / "store"))
    try:
        with connected(spec) as store:
            store.create_collection("people", STAMP)
            assert store.find_collection("people") == Collection("people", 0, STAMP)
            ends()
    except RuntimeError:
        assert ends is fails
    second = EdgeStore(tmp_path / "store")  # it could not open what is still open
    assert second.find_collection("people") == Collection("people", 0, STAMP)
    second.close()


def test_a_process_has_one_handle(tmp_path: Path) -> None:
    spec = store_spec(str(tmp_path / "store"))

    def as_a_worker_does(_: int) -> Store:
        return handle(pickle.loads(pickle.dumps(spec)))

    with connected(spec) as store, ThreadPoolExecutor(8) as threads:
        assert set(map(id, threads.map(as_a_worker_does, range(32)))) == {id(store)}
    with connected(spec) as again:
        assert again is not store


def test_a_worker_without_the_file_of_the_key_is_told_as_a_store_that_cannot_serve(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("QDRANT_API_KEY", raising=False)
    monkeypatch.setenv("QDRANT_API_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(StoreError) as raised:
        handle(store_spec("http://127.0.0.1:1"))
    assert raised.value.code is Code.API_KEY_NOT_PRESENT
    assert raised.value.why == f"QDRANT_API_KEY_FILE: cannot read {str(tmp_path / 'missing')!r}"


def test_every_store_has_its_own_handle(tmp_path: Path) -> None:
    first, second = (store_spec(str(tmp_path / name)) for name in ("a", "b"))
    with connected(first) as one, connected(second) as other:
        assert one is not other
        assert handle(first) is one
        assert handle(second) is other
