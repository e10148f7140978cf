"""The embedded store: its folders, its one process, and what it does in folders of others."""

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from qdrant_edge import Point as EdgePoint

from schemas.errors import Code
from tests.transforms.stores.conftest import OTHER_STAMP, STAMP, point, points
from transforms.stores import edge
from transforms.stores.base import Collection, StoreError
from transforms.stores.edge import STAMP_FILE, EdgeStore
from transforms.turns import ALONE

OPEN_IT = """
import sys
import threading
from pathlib import Path
from transforms.stores.base import StoreError
from transforms.stores.edge import EdgeStore
try:
    EdgeStore(Path(sys.argv[1])).find_collection("people")
except StoreError as error:
    print(error.code, error.why, sep="\\n")
"""

PUT_AND_DIE = """
import os
import sys
import threading
from pathlib import Path
import numpy as np
from schemas.ids import point_id
from transforms.stores.base import Point
from transforms.stores.edge import EdgeStore
ids = [point_id(f"person-{number}") for number in range(100)]
vector = np.eye(8, dtype=np.float32)[0]
EdgeStore(Path(sys.argv[1])).upsert("people", [
    Point(each, "pack-a", vector, {"a": 1}) for each in ids
])
os.kill(os.getpid(), 9)
"""

DIE_WITHIN = """
import os
import sys
import threading
from pathlib import Path
from tests.transforms.stores.conftest import STAMP
from transforms.stores import edge
_, folder, call, step, *arguments = sys.argv
die = lambda *_: os.kill(os.getpid(), 9)
setattr(edge.os if step == "rename" else edge.shutil, step, die)
getattr(edge.EdgeStore(Path(folder)), call)(*arguments, *[STAMP] * (call[0] == "c"))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> Iterator[EdgeStore]:
    opened = EdgeStore(folder)
    yield opened
    opened.close()


def run(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", script, str(folder), *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def everything_in(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*"))


def test_a_second_process_is_told_that_the_collection_is_in_use(
    store: EdgeStore, folder: Path
) -> None:
    store.create_collection("people", STAMP)
    store.upsert("people", [point(1)])
    told = f"{folder / 'people'} is in use by another process; wait for it, or stop it"
    assert run(OPEN_IT, folder).stdout.splitlines() == [Code.DATABASE_ERROR, told]
    store.close()
    assert run(OPEN_IT, folder).stdout == ""


def test_other_collections_of_the_folder_are_free(store: EdgeStore, folder: Path) -> None:
    store.create_collection("people", STAMP)
    store.create_collection("others", OTHER_STAMP)
    store.upsert("others", [point(1, OTHER_STAMP)])
    ended = run(OPEN_IT, folder)
    assert (ended.returncode, ended.stdout) == (0, "")


def test_what_was_put_survives_a_killed_process(store: EdgeStore, folder: Path) -> None:
    store.create_collection("people", STAMP)
    store.close()
    ended = run(PUT_AND_DIE, folder)
    assert ended.returncode == -9, ended.stderr
    assert store.find_collection("people") == Collection("people", 100, STAMP)
    ids = [each.id for each in points(range(100))]
    assert store.look_up("people", ids, ["a"]) == {each: {"a": 1} for each in ids}


def test_points_are_handed_over_by_one_worker_alone(
    store: EdgeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of their values makes the engine's binding let go of Python's lock several times."""
    alone = []

    def made(*arguments: Any) -> EdgePoint:
        alone.append(ALONE.locked())
        return EdgePoint(*arguments)

    monkeypatch.setattr(edge, "EdgePoint", made)
    store.create_collection("people", STAMP)
    store.upsert("people", points(range(3), a=1))
    assert alone == [True] * 3
    assert not ALONE.locked()


@pytest.mark.skipif(os.name != "posix", reason="file modes are of POSIX")
def test_only_the_owner_can_read_it(store: EdgeStore, folder: Path) -> None:
    before = os.umask(0o077)
    try:
        store.create_collection("people", STAMP)
        store.upsert("people", points(range(300), a=1))
        store.optimize_collection("people")
        store.upsert("people", points(range(200, 400)))
        store.close()
    finally:
        os.umask(before)
    modes = {(each.is_dir(), each.stat().st_mode & 0o777) for each in (folder, *folder.rglob("*"))}
    assert modes == {(True, 0o700), (False, 0o600)}


def test_a_failed_create_leaves_nothing(
    store: EdgeStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("transforms.stores.edge.os.rename", full)
        with pytest.raises(StoreError, match="No space left on device") as raised:
            store.create_collection("people", STAMP)
    assert raised.value.code is Code.DATABASE_ERROR
    assert everything_in(folder) == []
    assert store.find_collection("people") is None

    store.create_collection("people", STAMP)
    assert os.listdir(folder) == ["people"]


def test_an_interrupted_create_leaves_nothing(
    store: EdgeStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(edge, "_build", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.create_collection("people", STAMP)
    assert everything_in(folder) == []


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    store = EdgeStore(tmp_path / "file")
    with pytest.raises(StoreError) as raised:
        store.create_collection("people", STAMP)
    assert raised.value.code is Code.DATABASE_ERROR
    assert store.find_collection("people") is None
    assert (tmp_path / "file").read_text() == "mine"


def test_looking_makes_no_folder(store: EdgeStore, folder: Path) -> None:
    assert store.list_collections() == []
    assert store.find_collection("people") is None
    assert not folder.exists()


@pytest.mark.parametrize("left", [None, "not JSON", "{}"])
def test_a_collection_without_a_stamp(store: EdgeStore, folder: Path, left: str | None) -> None:
    store.create_collection("people", STAMP)
    store.upsert("people", points(range(3)))
    stamp_file = folder / "people" / STAMP_FILE
    if left is None:
        stamp_file.unlink()
    else:
        stamp_file.write_text(left)
    found = Collection("people", 3, None)
    assert store.find_collection("people") == found
    assert store.list_collections() == []  # somebody else's
    with pytest.raises(StoreError) as raised:
        store.get("people", point(1).id)
    assert raised.value.code is Code.NOT_FOUND


def test_a_folder_of_somebody_else_is_left_alone(store: EdgeStore, folder: Path) -> None:
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "cat.jpg").write_bytes(b"cat")
    (folder / ".creating-x").mkdir()
    (folder / ".creating-x" / STAMP_FILE).write_text("{}")
    before = everything_in(folder)
    assert store.list_collections() == []
    for call in (store.find_collection, store.delete_collection, store.optimize_collection):
        with pytest.raises(StoreError) as raised:
            call("photos")
        assert raised.value.code is Code.DATABASE_ERROR
    with pytest.raises(StoreError) as raised:
        store.create_collection("photos", STAMP)
    assert raised.value.code is Code.ALREADY_EXISTS
    assert everything_in(folder) == before


def test_a_collection_of_another_user_is_listed(
    store: EdgeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user of these tests may be root, who may read all."""
    for name in ("mine", "theirs"):
        store.create_collection(name, STAMP)
    read_text = Path.read_text

    def denied(path: Path, *how: Any, **more: Any) -> str:
        if path.parent.name == "theirs":
            raise PermissionError(errno.EACCES, "Permission denied")
        return read_text(path, *how, **more)

    monkeypatch.setattr(Path, "read_text", denied)
    assert [(each.name, each.num_persons) for each in store.list_collections()] == [
        ("mine", 0),
        ("theirs", None),
    ]


@pytest.mark.parametrize("function", ["listdir", "stat"])
def test_a_store_of_another_user_is_told(
    store: EdgeStore, folder: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    store.create_collection("people", STAMP)

    def denied(*_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, function, denied)
    with pytest.raises(StoreError, match="Permission denied") as told:
        store.list_collections() if function == "listdir" else store.find_collection("people")
    monkeypatch.undo()
    assert told.value.code is Code.DATABASE_ERROR


def test_a_deleted_collection_leaves_no_folder(store: EdgeStore, folder: Path) -> None:
    store.create_collection("people", STAMP)
    store.create_collection("others", OTHER_STAMP)
    store.upsert("people", points(range(3)))
    store.delete_collection("people")
    assert os.listdir(folder) == ["others"]


def test_another_process_keeps_a_collection_from_being_deleted(
    store: EdgeStore, folder: Path
) -> None:
    store.create_collection("people", STAMP)
    store.upsert("people", [point(1)])
    second = EdgeStore(folder)  # the engine's lock is a handle's, so this one stands for a process
    with pytest.raises(StoreError, match="in use by another process"):
        second.delete_collection("people")
    assert store.find_collection("people") == Collection("people", 1, STAMP)


def test_one_that_cannot_be_opened_is_listed_all_the_same(folder: Path) -> None:
    made = EdgeStore(folder)
    for name in ("broken", "people"):
        made.create_collection(name, STAMP)
    made.close()
    shutil.rmtree(folder / "broken" / "segments")
    (folder / "broken" / "edge_config.json").write_text("rubbish")
    again = EdgeStore(folder)
    assert again.list_collections() == [
        Collection("broken", None, STAMP),
        Collection("people", 0, STAMP),
    ]
    again.close()


def test_what_the_engine_panics_on_is_told_as_damage(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a file that a power cut left empty. The others are there all the same."""
    for name in ("good", "broken"):
        EdgeStore(folder).create_collection(name, STAMP)
    [file] = (folder / "broken").glob("segments/*/vector_storage-*/deleted/status.dat")
    file.write_bytes(b"")
    store = EdgeStore(folder)
    for use in (
        lambda: store.find_collection("broken"),
        lambda: store.look_up("broken", ["0" * 32], ["pack"]),
        lambda: store.upsert("broken", points(range(1))),
        lambda: store.get("broken", "0" * 32),
        lambda: store.optimize_collection("broken"),
        lambda: store.delete_collection("broken"),
    ):
        with pytest.raises(StoreError) as told:
            use()
        assert told.value.code is Code.DATABASE_ERROR
        assert told.value.why == (
            f"{folder / 'broken'} is damaged; remove it, or bring back a copy of it"
        )
    found = store.list_collections()
    assert [(each.name, each.num_persons) for each in found] == [("broken", None), ("good", 0)]
    store.close()
    capfd.readouterr()  # the engine tells it on stderr as well


def test_payloads_that_cannot_be_read_are_told_as_damage(folder: Path) -> None:
    """Of the engine's plain errors, which no row is to blame for."""
    store = EdgeStore(folder)
    store.create_collection("people", STAMP)
    some = points(range(50))
    store.upsert("people", some)
    store.close()
    [page] = (folder / "people").glob("segments/*/payload_storage/page_0.dat")
    with page.open("r+b") as file:
        file.write(bytes(20_000))
    with pytest.raises(StoreError, match=f"{folder / 'people'} is damaged; remove it") as told:
        EdgeStore(folder).look_up("people", [each.id for each in some], ["pack"])
    assert told.value.code is Code.DATABASE_ERROR


@pytest.mark.parametrize(
    ("call", "step"), [("create_collection", "rename"), ("delete_collection", "rmtree")]
)
def test_what_a_killed_process_left_is_nobodys_and_goes(
    store: EdgeStore, folder: Path, call: str, step: str
) -> None:
    store.create_collection("others", STAMP)
    if call == "delete_collection":
        store.create_collection("people", STAMP)
        store.upsert("people", [point(1)])
    store.close()
    assert run(DIE_WITHIN, folder, call, step, "people").returncode == -9
    [left] = folder.glob("~*")
    assert any(left.iterdir())
    assert store.list_collections() == [Collection("others", 0, STAMP)]
    assert store.find_collection("people") is None

    store.create_collection("people", STAMP)

    assert sorted(os.listdir(folder)) == ["others", "people"]
    assert store.find_collection("people") == Collection("people", 0, STAMP)


def test_a_tilde_of_somebody_else_is_left_alone(store: EdgeStore, folder: Path) -> None:
    (folder / "~backup").mkdir(parents=True)
    store.create_collection("people", STAMP)
    store.delete_collection("people")
    assert os.listdir(folder) == ["~backup"]


def test_names_that_begin_with_a_period_are_names(store: EdgeStore) -> None:
    store.create_collection(".hidden", STAMP)
    assert store.list_collections() == [Collection(".hidden", 0, STAMP)]


def test_it_closes_while_threads_of_a_broken_run_still_look_up(store: EdgeStore) -> None:
    """The engine itself refuses that, with an error that would hide why the run broke."""
    store.create_collection("people", STAMP)
    many = [point(number) for number in range(500)]
    store.upsert("people", many)
    over = threading.Event()

    def look_up() -> None:
        while not over.is_set():
            store.look_up("people", [each.id for each in many], ["n"])

    with ThreadPoolExecutor(4) as threads:
        looking = [threads.submit(look_up) for _ in range(4)]
        try:
            for _ in range(50):
                store.close()
        finally:
            over.set()
        for each in looking:
            each.result()
