"""A pack that finds as many faces as the width of an image says, and stores with a memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from schemas.records import Face, UInt8Image
from tests.fakes import HashVectors, NullPack, NullStore, OneFace
from tests.fuzz.inputs import COLLECTION, OTHER_MODEL
from tests.fuzz.verdicts import NO_FACE_WIDTH, TWO_FACES_WIDTH
from transforms.faces.base import FaceModel
from transforms.stores.base import Collection, Point


class FacesByWidth(OneFace):
    """Finds one face, or what the width is a sign of."""

    def detect(self, pixels: UInt8Image) -> Sequence[Face]:
        return super().detect(pixels) * {NO_FACE_WIDTH: 0, TWO_FACES_WIDTH: 2}.get(
            pixels.shape[1], 1
        )


class WidthPack(NullPack):
    """The null pack with that detector."""

    def load(self, threads: int) -> FaceModel:
        return FaceModel(FacesByWidth(), HashVectors())


@dataclass
class CountingStore(NullStore):
    """Has a collection, and one of another model; counts how often each person is written."""

    written: "Counter[tuple[str, str]]" = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def find_collection(self, name: str, *, count: bool = True) -> Collection | None:
        stamps = {COLLECTION: self.stamp, OTHER_MODEL: replace(self.stamp, pack="other")}
        return Collection(name, 0, stamps[name]) if name in stamps else None

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        with self.lock:
            self.written.update((collection, each.payload["person_id"]) for each in points)


@dataclass(frozen=True)
class CountingStoreSpec:
    """Gives the one store."""

    location: str = "counting"
    embedded: bool = True

    def open(self) -> CountingStore:
        return CountingStore(NullPack().stamp)
