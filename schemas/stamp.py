"""The stamp of a collection: which model's vectors it holds."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    """Pack name, digests of the weight files as shipped, dimension, preprocessing version.

    A collection takes vectors of its own stamp only: two models' vectors in one index would
    be compared and mean nothing.
    """

    pack: str
    weights: tuple[tuple[str, str], ...]  # (role, SHA-256), by role
    dimension: int
    preprocessing: int

    @property
    def digest(self) -> str:
        """SHA-256 over everything above."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, object]:
        """The form in `collection.json` and in a server's collection metadata."""
        return {
            "pack": self.pack,
            "weights": dict(self.weights),
            "dimension": self.dimension,
            "preprocessing": self.preprocessing,
        }

    @classmethod
    def from_json(cls, value: object) -> "Stamp | None":
        """The stamp in `value`, or None where something else made the collection."""
        match value:
            case {
                "pack": str(pack),
                "weights": Mapping() as weights,
                "dimension": int(dimension),
                "preprocessing": int(preprocessing),
            }:
                by_role = tuple(sorted((str(k), str(v)) for k, v in weights.items()))
                return cls(pack, by_role, dimension, preprocessing)
            case _:
                return None
