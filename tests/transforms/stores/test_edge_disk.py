"""The embedded store on a disk that fills up: it stops in order, and goes on when there is room."""

import os
from itertools import count
from pathlib import Path

import pytest

from schemas.errors import Code
from tests.disks import Disk
from tests.transforms.stores.conftest import STAMP, point
from transforms.stores.base import Collection, Point, StoreError
from transforms.stores.edge import EdgeStore

MB = 1 << 20


def opened(disk: Disk) -> EdgeStore:
    """Gives a store on the disk, with a collection that is open."""
    store = EdgeStore(disk.path / "store")
    store.create_collection("people", STAMP)
    store.upsert("people", [point(1)])
    return store


def test_it_stops_before_the_disk_is_full(disk: Disk) -> None:
    disk.mount("size=256m")
    store = opened(disk)
    ballast = disk.fill(left=79 * MB)
    calls = {
        "81 MB": lambda: store.upsert("people", [point(2, image="x" * (MB // 4))]),
        "80 MB": lambda: store.create_collection("others", STAMP),
        "[89]. MB": lambda: store.optimize_collection("people"),
    }
    for needed, call in calls.items():
        with pytest.raises(StoreError, match=rf"almost full: 79 MB are free.* {needed}") as told:
            call()
        assert told.value.code is Code.DATABASE_ERROR
    assert store.get("people", point(1).id) is not None  # reading goes on
    assert store.find_collection("others") is None
    store.close()

    ballast.unlink()
    calls["81 MB"]()
    assert store.find_collection("people") == Collection("people", 2, STAMP)
    store.close()


def test_a_collection_elsewhere_is_used_but_not_deleted(disk: Disk, tmp_path: Path) -> None:
    """To delete it would remove the link alone. Its own disk is what must have room."""
    disk.mount("size=128m")
    store = opened(disk)
    store.close()
    (tmp_path / "people").symlink_to(disk.path / "store" / "people")
    linked = EdgeStore(tmp_path)
    linked.upsert("people", [point(2)])
    with pytest.raises(StoreError, match="people is a link"):
        linked.delete_collection("people")
    assert linked.find_collection("people") == Collection("people", 2, STAMP)
    disk.fill(left=40 * MB)
    with pytest.raises(StoreError, match="almost full: 40 MB are free"):
        linked.upsert("people", [point(3)])
    linked.close()


@pytest.mark.parametrize("left", range(110, 118, 2))
def test_it_can_be_opened_again_and_again_where_it_stopped(disk: Disk, left: int) -> None:
    """The engine takes the space of a log each time after it has written."""
    disk.mount("size=256m")
    store = opened(disk)
    disk.fill(left=left * MB)
    stored: list[Point] = []
    large = [point(number, image=os.urandom(MB).hex()) for number in range(2, 42)]
    with pytest.raises(StoreError, match="almost full"):
        upsert_one_by_one(store, large, stored)
    store.close()
    for _ in range(3):
        store = EdgeStore(disk.path / "store")
        assert store.find_collection("people") == Collection("people", 1 + len(stored), STAMP)
        store.close()
    assert stored


def test_it_is_not_opened_where_the_disk_is_full(disk: Disk) -> None:
    disk.mount("size=256m")
    store = opened(disk)
    store.close()
    disk.fill(left=32 * MB)
    with pytest.raises(StoreError, match=r"almost full: 32 MB are free.* 40 MB") as told:
        store.find_collection("people")
    assert told.value.code is Code.DATABASE_ERROR


def test_what_the_disk_refuses_is_no_points_fault(disk: Disk) -> None:
    """Where there is no room for one more file, the engine says so itself."""
    disk.mount("size=600m,nr_inodes=64")
    store = opened(disk)
    fillers = all_names_taken(disk.path)
    large = [point(number, image=os.urandom(3 * MB).hex()) for number in range(2, 11)]
    stored: list[Point] = []
    with pytest.raises(StoreError, match=r"cannot be written: .*No space left") as told:
        upsert_one_by_one(store, large, stored)
    assert told.value.code is Code.DATABASE_ERROR
    store.close()

    for each in fillers:
        each.unlink()
    ids = {each.id for each in stored}
    assert store.look_up("people", [*ids], []).keys() == ids
    store.upsert("people", large)
    assert store.find_collection("people") == Collection("people", 10, STAMP)
    store.close()


def all_names_taken(folder: Path) -> list[Path]:
    """Makes empty files until there is no room for another."""
    made = []
    for number in count():
        try:
            (folder / str(number)).touch()
        except OSError:
            break
        made.append(folder / str(number))
    return made


def upsert_one_by_one(store: EdgeStore, points: list[Point], stored: list[Point]) -> None:
    """Upserts each, and notes those that were acknowledged."""
    for each in points:
        store.upsert("people", [each])
        stored.append(each)
