"""The protocol between the stages and the stores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.errors import Code
from schemas.records import Vector
from schemas.stamp import Stamp

MAX_REQUEST_POINTS = 256
MAX_REQUEST_BYTES = 8_000_000


class StoreError(Exception):
    """The store cannot serve: gone, denied, or without the collection.

    code: DATABASE_ERROR, API_KEY_NOT_PRESENT, API_KEY_NOT_VALID, NOT_FOUND or ALREADY_EXISTS.
    why: for a person at a terminal; holds no payload.
    """

    def __init__(self, code: Code, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why


class StoreRefusedError(Exception):
    """The store is there and will not take these points: sending them again would not help."""


class TooManyError(StoreRefusedError):
    """It will not take so many at a time."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as it stands. stamp: None where something else made it.

    num_persons: None where it was not to be counted, or cannot be: in a list, of one that cannot be
    opened now; of a server that does not count exactly, or not in time.
    """

    name: str
    num_persons: int | None
    stamp: Stamp | None


@dataclass(frozen=True, slots=True)
class Point:
    """What is stored of a person. vector: (dimension,) float32 of length 1.

    vector_name: its pack. A store refuses one that the collection does not have, as where an alias
    leads to another collection than the one that was checked.
    """

    id: str
    vector_name: str
    vector: Vector
    payload: Mapping[str, Any]


class Store(Protocol):
    """Collections of points. Every method may raise StoreError; safe to share among threads."""

    def create_collection(self, name: str, stamp: Stamp) -> None:
        """Makes an empty collection with one vector named after the stamp's pack."""
        ...

    def find_collection(self, name: str, *, count: bool = True) -> Collection | None:
        """Gives the collection, its persons counted exactly if they can be, or None.

        count: False where the number is not needed, which a large server takes a minute for.
        """
        ...

    def list_collections(self) -> Sequence[Collection]:
        """Gives all collections, by name."""
        ...

    def delete_collection(self, name: str) -> None:
        """Removes the collection and all its persons."""
        ...

    def optimize_collection(self, name: str) -> None:
        """Builds the index now, where the store does not do so by itself."""
        ...

    def look_up(
        self, collection: str, point_ids: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        """Gives these payload fields of the points that exist, by point id."""
        ...

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Replaces whole points; returns when all are applied. Raises StoreRefusedError too.

        A raise leaves it unknown which points were applied; the same call again mends that.
        """
        ...

    def get(self, collection: str, point_id: str) -> Point | None:
        """Gives the whole point, or None."""
        ...

    def close(self) -> None:
        """Writes out what is pending and lets the store go."""
        ...


class StoreSpec(Protocol):
    """Where a store is: small, picklable, hashable, without its secret."""

    @property
    def location(self) -> str:
        """The URL or the folder, as given."""
        ...

    @property
    def embedded(self) -> bool:
        """True where only this process may have it open."""
        ...

    def open(self) -> Store:
        """Connects."""
        ...
