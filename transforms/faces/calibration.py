"""From the cosine of two vectors to a similarity that a person can read, pack by pack."""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from schemas.errors import UsageError

# Of one comparison of two different persons: how often it is at least so similar.
FALSE_ACCEPT_RATES = (1e-2, 1e-3, 1e-4, 1e-5)
SIMILARITIES = (0.5, 0.7, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A pack's cosines at FALSE_ACCEPT_RATES, strictly rising. Raises ValueError.

    Made by `benchmarks/calibrate.py`; its figures are in docs/accuracy.md.
    """

    cosines: tuple[float, ...]

    def __post_init__(self) -> None:
        points = (-1.0, *self.cosines, 1.0)
        rising = all(one < other for one, other in pairwise(points))
        if len(self.cosines) != len(FALSE_ACCEPT_RATES) or not rising:
            raise ValueError(
                f"expected {len(FALSE_ACCEPT_RATES)} rising cosines between -1 and 1, "
                f"one for each false accept rate of {FALSE_ACCEPT_RATES}"
            )

    def similarity(self, cosine: float) -> float:
        """Gives 0..1: straight lines through SIMILARITIES at the cosines, 0 at -1 and 1 at 1.

        >>> Calibration((0.2, 0.4, 0.5, 0.6)).similarity(0.45)
        0.75
        """
        xs, ys = (-1.0, *self.cosines, 1.0), (0.0, *SIMILARITIES, 1.0)
        at = min(max(bisect_right(xs, cosine), 1), len(xs) - 1)
        share = (cosine - xs[at - 1]) / (xs[at] - xs[at - 1])
        return min(max(ys[at - 1] + share * (ys[at] - ys[at - 1]), 0.0), 1.0)


def shown(cosine: float, calibration: Calibration | None) -> Mapping[str, str]:
    """Gives what is told of a comparison: the cosine, and the similarity where there can be one.

    >>> shown(0.45, None)
    {'cosine': '0.4500'}
    """
    told = {"cosine": f"{cosine:.4f}"}
    if calibration is not None:
        told["similarity"] = f"{calibration.similarity(cosine):.4f}"
    return told


def read_calibration(path: Path, pack: str) -> Calibration | None:
    """Gives what the file holds for the pack of this name, None where there is none. UsageError."""
    if not path.exists():
        return None
    try:
        match json.loads(path.read_text(encoding="utf-8")):
            case {"pack": str(name), "cosines": list(cosines)} if name == pack:
                return Calibration(tuple(map(_number, cosines)))
            case {"pack": str(name)} if name != pack:
                raise ValueError(f"it is for pack {name}, this one is {pack}")
            case _:
                raise ValueError("expected pack and cosines")
    except (OSError, OverflowError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be used: {error}; remove it, or make it anew with "
            "benchmarks/calibrate.py"
        ) from error


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected numbers, not {value!r}")
    return float(value)
