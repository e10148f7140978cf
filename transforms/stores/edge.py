"""The embedded store: Qdrant's own engine in this process, one shard a collection.

STORE/NAME/collection.json    the stamp; STORE/NAME otherwise belongs to the engine
"""

import fcntl
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeVectorParams,
    PayloadSchemaType,
    UpdateOperation,
)
from qdrant_edge import Point as EdgePoint

from schemas.errors import Code
from schemas.ids import is_collection_name
from schemas.stamp import Stamp
from transforms.disk import to_disk
from transforms.stores.base import Collection, Point, StoreError, StoreRefusedError
from transforms.turns import ALONE

STAMP_FILE = "collection.json"
SEGMENTS = "segments"  # the folder that every collection of the engine has
_UNFINISHED = "~muster-"  # no name of a collection has a tilde
_IN_USE = "WouldBlock"
_OURS = (Exception, KeyboardInterrupt, SystemExit, GeneratorExit)
_OF_THE_DISK = ("(os error ", "Can't write WAL")

# The engine maps files that get their blocks when they are written to, so a disk that fills up
# ends the process by SIGBUS: it must not come to that. Measured: opening takes up to 34 MB (on a
# tmpfs), closing 9 MB, and a write twice the bytes of its payloads.
_ROOM_TO_OPEN = 40 << 20
_ROOM_TO_WRITE = 2 * _ROOM_TO_OPEN  # what the next opening leaves is enough for another
_GROWTH = 4


@dataclass(frozen=True, slots=True)
class EdgeSpec:
    """A folder. path: absolute, so that every worker means the same one."""

    location: str
    path: str
    embedded: bool = True

    def open(self) -> "EdgeStore":
        """Opens the folder; collections are opened when they are first used."""
        return EdgeStore(Path(self.path))


class EdgeStore:
    """Collections in the folders of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: dict[str, EdgeShard] = {}
        # One call at a time: the engine writes one by one, and cannot be closed during a call.
        self._engine = threading.RLock()

    def create_collection(self, name: str, stamp: Stamp) -> None:
        """Makes the collection beside its final place and moves it there when it is whole."""
        target = self._folder / name
        if target.exists():
            raise StoreError(Code.ALREADY_EXISTS, f"{target} exists")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_room(self._folder, _ROOM_TO_WRITE)
            with self._workshop() as building:
                _build(building, stamp)
                os.rename(building, target)
            to_disk(self._folder)
        except StoreError:
            raise
        except Exception as error:  # OSError, and the engine raises nothing more precise
            raise StoreError(Code.DATABASE_ERROR, f"{target} cannot be made: {error}") from error

    def find_collection(self, name: str, *, count: bool = True) -> Collection | None:
        """Counts exactly; None where the folder does not exist."""
        if not _is_folder(self._folder / name):
            return None
        with self._opened(name) as shard:
            persons = shard.count(CountRequest(exact=True)) if count else None
        return Collection(name, persons, self._stamp(name))

    def list_collections(self) -> Sequence[Collection]:
        """Gives every folder that carries a stamp, or that is another user's."""
        try:
            names = sorted(os.listdir(self._folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            why = f"{self._folder} cannot be listed: {error.strerror}"
            raise StoreError(Code.DATABASE_ERROR, why) from error
        found = (self._listed(name) for name in names if is_collection_name(name))
        return [each for each in found if each is not None]

    def _listed(self, name: str) -> Collection | None:
        stamp = None
        try:
            stamp = _read_stamp(self._folder / name)
            return None if stamp is None else self.find_collection(name)
        except (PermissionError, StoreError):  # or in use, or broken: it is there all the same
            return Collection(name, None, stamp)
        except (OSError, ValueError):
            return None

    def delete_collection(self, name: str) -> None:
        """Closes the collection and removes its folder."""
        folder = self._folder / name
        if folder.is_symlink():  # the link alone would go
            why = f"{folder} is a link; remove it, and what it leads to, by hand"
            raise StoreError(Code.DATABASE_ERROR, why)
        with self._opened(name) as shard:  # refuses where another process has it
            shard.close()
            del self._shards[name]
        try:
            with self._workshop() as leaving:
                os.rename(folder, leaving / name)  # at once: a kill leaves no half
                shutil.rmtree(leaving)
        except OSError as error:
            why = f"{folder} cannot be removed: {error.strerror}"
            raise StoreError(Code.DATABASE_ERROR, why) from error

    def optimize_collection(self, name: str) -> None:
        """Builds the index; this engine never does so by itself."""
        folder = self._folder / name
        with self._opened(name) as shard:
            size = sum(each.stat().st_blocks * 512 for each in folder.rglob("*"))
            self._check_room(folder, _ROOM_TO_WRITE + size)
            shard.optimize()

    def look_up(
        self, collection: str, point_ids: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        """Gives the fields of those that exist."""
        with self._opened(collection) as shard:
            found = shard.retrieve(list(point_ids), list(fields), False)
        return {str(each.id): each.payload or {} for each in found}

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Writes to the log and applies at once."""
        with ALONE:  # each value is tried as every other type first, and each failure lets go
            changed = [
                EdgePoint(each.id, {each.vector_name: each.vector.tolist()}, dict(each.payload))
                for each in points
            ]
        with self._opened(collection) as shard:
            room = _ROOM_TO_WRITE + _GROWTH * sum(map(_text_bytes, points))
            self._check_room(self._folder / collection, room)
            try:
                shard.update(UpdateOperation.upsert_points(changed))
            except Exception as error:  # the engine raises nothing more precise
                if any(each in str(error) for each in _OF_THE_DISK):  # no point's fault
                    why = f"{self._folder / collection} cannot be written: {error}"
                    raise StoreError(Code.DATABASE_ERROR, why) from error
                raise StoreRefusedError(type(error).__name__) from error

    def get(self, collection: str, point_id: str) -> Point | None:
        """Gives the whole point."""
        with self._opened(collection) as shard:
            points = shard.retrieve([point_id], True, True)
        for found in points:
            vectors: Any = found.vector
            name = self._vector_name(collection)
            vector = np.asarray(vectors[name], dtype=np.float32)
            return Point(point_id, name, vector, found.payload or {})
        return None

    def close(self) -> None:
        """Closes all collections."""
        with self._engine:
            while self._shards:
                self._shards.popitem()[1].close()

    @contextmanager
    def _workshop(self) -> Iterator[Path]:
        """Gives an empty folder beside the collections, for what is not whole.

        One process at a time has one: what lies there from before is of one that was killed, and
        goes.
        """
        holder = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(holder, fcntl.LOCK_EX)
            for left in self._folder.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(left)
            folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self._folder))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(holder)

    def _check_room(self, folder: Path, needed: int) -> None:
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise StoreError(
                Code.DATABASE_ERROR,
                f"the disk of {folder} is almost full: {free >> 20} MB are free, and the "
                f"embedded store needs {-(-needed >> 20)} MB to go on; make room, then run again",
            )

    def _stamp(self, name: str) -> Stamp | None:
        try:
            return _read_stamp(self._folder / name)
        except (OSError, ValueError):
            return None

    def _vector_name(self, collection: str) -> str:
        stamp = self._stamp(collection)
        if stamp is None:
            raise StoreError(Code.NOT_FOUND, f"{collection} carries no stamp of Muster")
        return stamp.pack

    @contextmanager
    def _opened(self, name: str) -> Iterator[EdgeShard]:
        """Gives the collection to one caller at a time. Raises StoreError where it is damaged."""
        with self._engine:
            try:
                if name not in self._shards:
                    self._shards[name] = self._load(name)
                yield self._shards[name]
            except BaseException as error:
                # The engine's own are plain ones, and a panic, whose class no module offers.
                if type(error) is not Exception and isinstance(error, _OURS):
                    raise
                why = "is damaged; remove it, or bring back a copy of it"
                if any(each in str(error) for each in _OF_THE_DISK):
                    why = f"cannot be read: {error}"
                raise StoreError(Code.DATABASE_ERROR, f"{self._folder / name} {why}") from error

    def _load(self, name: str) -> EdgeShard:
        folder = self._folder / name
        if not _is_folder(folder):
            raise StoreError(Code.NOT_FOUND, f"{self._folder} holds no collection {name!r}")
        if not _is_folder(folder / SEGMENTS):  # the engine would make one, in anybody's folder
            raise StoreError(Code.DATABASE_ERROR, f"{folder} is not a collection")
        self._check_room(folder, _ROOM_TO_OPEN)
        try:
            return EdgeShard.load(str(folder))
        except Exception as error:  # the engine raises nothing more precise
            if _IN_USE in str(error):
                why = f"{folder} is in use by another process; wait for it, or stop it"
            else:
                why = f"{folder} cannot be opened as a collection: {error}"
            raise StoreError(Code.DATABASE_ERROR, why) from error


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:  # another user's
        raise StoreError(Code.DATABASE_ERROR, f"{path}: {error.strerror}") from error


def _read_stamp(folder: Path) -> Stamp | None:
    """Raises OSError and ValueError."""
    return Stamp.from_json(json.loads((folder / STAMP_FILE).read_text()))


def _text_bytes(point: Point) -> int:
    """Gives what most of a point is: its texts, the image and metadata among them."""
    size = 0
    for each in point.payload.values():
        if isinstance(each, str):
            size += len(each)
        elif isinstance(each, dict):
            size += sum(map(len, each)) + sum(map(len, each.values()))
    return size


def _build(folder: Path, stamp: Stamp) -> None:
    vector = EdgeVectorParams(size=stamp.dimension, distance=Distance.Cosine)
    shard = EdgeShard.create(str(folder), EdgeConfig(vectors={stamp.pack: vector}))
    shard.update(UpdateOperation.create_field_index("person_id", PayloadSchemaType.Keyword))
    shard.close()
    (folder / STAMP_FILE).write_text(json.dumps(stamp.to_json(), indent=2) + "\n")
    to_disk(folder / STAMP_FILE)  # as the engine has its own: runs will vouch for what is in it
    to_disk(folder)
