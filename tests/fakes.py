"""Doubles that live outside the product: a null pack, a null store, a pack whose engine raises."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas.records import Face, UInt8Image, Vector
from schemas.stamp import Stamp
from transforms.faces.base import FaceModel, Share
from transforms.stores.base import Collection, Point


class OneFace:
    """Finds one face, always in the same place."""

    longest_side_px = 640

    def detect(self, pixels: UInt8Image) -> Sequence[Face]:
        points = np.array([[4, 4], [8, 4], [6, 6], [4, 8], [8, 8]], np.float32)
        return [Face((2.0, 2.0, 10.0, 10.0), points, 0.9)]


class HashVectors:
    """Embeds a crop as numbers drawn from its bytes, a few of which are enough."""

    crop_px = 112

    def embed(self, crops: Sequence[UInt8Image]) -> Sequence[Vector]:
        return [
            np.frombuffer(_digest(each[::8, ::8].tobytes()), np.uint8).astype(np.float32) + 1.0
            for each in crops
        ]


def _digest(content: bytes) -> bytes:
    return hashlib.shake_256(content).digest(16)


class RaisingRecogniser:
    """An engine that always fails."""

    crop_px = 112

    def embed(self, crops: Sequence[UInt8Image]) -> Sequence[Vector]:
        raise ZeroDivisionError("a text that must not be told")


@dataclass(frozen=True)
class NullPack:
    """A pack that costs next to nothing."""

    recogniser: Any = HashVectors
    precision: str = "float32"

    @property
    def stamp(self) -> Stamp:
        return Stamp("null", (("detector", "0" * 64),), 16, 1)

    calibration: None = None

    def load(self, share: Share) -> FaceModel:
        return FaceModel(OneFace(), self.recogniser())


@dataclass(frozen=True)
class NullStoreSpec:
    """A store that keeps nothing."""

    stamp: Stamp = NullPack().stamp
    location: str = "null"
    embedded: bool = True

    def open(self) -> "NullStore":
        return NullStore(self.stamp)


@dataclass
class NullStore:
    """Takes every point and forgets it."""

    stamp: Stamp
    upserted: list[int] = field(default_factory=list)

    def create_collection(self, name: str, stamp: Stamp) -> None: ...

    def find_collection(self, name: str, *, count: bool = True) -> Collection | None:
        return Collection(name, 0, self.stamp)

    def list_collections(self) -> Sequence[Collection]:
        return []

    def delete_collection(self, name: str) -> None: ...

    def optimize_collection(self, name: str) -> None: ...

    def look_up(
        self, collection: str, point_ids: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        return {}

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        self.upserted.append(len(points))

    def get(self, collection: str, point_id: str) -> Point | None:
        return None

    def close(self) -> None: ...
