"""The protocols between the stages and the models: detector, recogniser, engine, pack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.records import Face, UInt8Image, Vector
from schemas.stamp import Stamp
from transforms.faces.calibration import Calibration


@dataclass(frozen=True, slots=True)
class Share:
    """What of a process's cores inference may use: calls at a time, and threads of each call."""

    calls: int
    threads: int


class Engine(Protocol):
    """Runs one graph. Safe to call from several threads."""

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[Any]]:
        """Gives the graph's outputs by name, in its order; float32, but for indices.

        batch: (n, channels, height, width).
        """
        ...


class Detector(Protocol):
    """Finds faces."""

    @property
    def longest_side_px(self) -> int:
        """What it makes larger images smaller to: it sees no more of them."""
        ...

    def detect(self, pixels: UInt8Image) -> Sequence[Face]:
        """Gives all faces above the pack's threshold. pixels: (height, width, 3) RGB."""
        ...


class Recogniser(Protocol):
    """Turns aligned faces into vectors."""

    @property
    def crop_px(self) -> int:
        """The side of the square crops that it takes."""
        ...

    def embed(self, crops: Sequence[UInt8Image]) -> Sequence[Vector]:
        """Gives one (dimension,) float32 vector a crop, its norm not yet 1, but not 0.

        crops: (crop_px, crop_px, 3) uint8 RGB.
        """
        ...


@dataclass(frozen=True, slots=True, weakref_slot=True)
class FaceModel:
    """A loaded pack: what a worker process holds once."""

    detector: Detector
    recogniser: Recogniser


class Pack(Protocol):
    """A detector and a recogniser with fixed preprocessing: small, picklable, not yet loaded."""

    @property
    def stamp(self) -> Stamp:
        """What a collection of this pack's vectors carries."""
        ...

    @property
    def precision(self) -> str:
        """The recogniser's arithmetic, as stored with each point: another one embeds again."""
        ...

    @property
    def calibration(self) -> Calibration | None:
        """What makes a similarity of a cosine; None where nobody has measured it."""
        ...

    def load(self, share: Share) -> FaceModel:
        """Reads and checks the weights, and starts the engines.

        Raises UsageError where they are not there, or not those of the stamp.
        """
        ...
