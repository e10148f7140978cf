"""Verification: what the cosines of pairs of photos say, where it is known who is on them.

Sources of the protocol: LFW's view 2 (ten folds; each is judged by the threshold that is best on
the other nine), and the false accept rate of one comparison.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDS = 10
_STEPS = np.linspace(-1.0, 1.0, 20_001)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cosines:
    """Of pairs of photos of one person (genuine), and of two (impostor)."""

    genuine: Floats
    impostor: Floats

    def __str__(self) -> str:
        return f"{self.genuine.size:,} of one person, {self.impostor.size:,} of two"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos by the ids that they were enrolled under."""

    one: str
    other: str
    same: bool


def read_pairs(path: Path) -> Sequence[Pair]:
    """Gives the pairs of a file like LFW's pairs.txt; commas for tabs do as well.

    `Name 1 4` is a pair of one person, `Name 1 Other 2` of two; ids are Name_0001 and so on. The
    first line may say something else. Raises ValueError.
    """
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        match line.replace(",", "\t").split():
            case [name, first, second] if first.isdecimal() and second.isdecimal():
                pairs.append(Pair(lfw_id(name, first), lfw_id(name, second), same=True))
            case [name, first, other, second] if first.isdecimal() and second.isdecimal():
                pairs.append(Pair(lfw_id(name, first), lfw_id(other, second), same=name == other))
            case []:
                continue
            case _ if number > 1:
                raise ValueError(f"{path} line {number}: expected NAME N N, or NAME N NAME N")
    if not pairs:
        raise ValueError(f"{path}: no pairs; expected lines of NAME N N, or NAME N NAME N")
    return pairs


def lfw_id(name: str, number: str) -> str:
    """Gives the id that LFW's file names have.

    >>> lfw_id("Jane_Doe", "3")
    'Jane_Doe_0003'
    """
    return f"{name}_{int(number):04}"


def all_pairs(persons: Sequence[str], vectors: Floats) -> Cosines:
    """Gives the cosines of every photo with every other. persons: who is on each.

    vectors: (n, dimension), of length 1, or NaN. Raises ValueError.
    """
    if len(persons) < 2:
        raise ValueError(f"expected two photos or more, not {len(persons)}")
    _, numbers = np.unique(persons, return_inverse=True)
    genuine, impostor = [], []
    for n in range(len(persons) - 1):
        cosines, same = _cosines(vectors[n + 1 :], vectors[n]), numbers[n + 1 :] == numbers[n]
        genuine.append(cosines[same])
        impostor.append(cosines[~same])
    return Cosines(np.concatenate(genuine), np.concatenate(impostor))


def _cosines(vectors: Floats, vector: Floats) -> Floats:
    """Gives -1 where a photo has no vector: nothing is like it."""
    return np.nan_to_num(vectors @ vector, nan=-1.0)


def cosines_of(pairs: Sequence[Pair], photos: Sequence[str], vectors: Floats) -> Cosines:
    """Gives the cosines of these pairs. photos: the ids of all. Raises ValueError."""
    places = {photo: place for place, photo in enumerate(photos)}
    unknown = [each for pair in pairs for each in (pair.one, pair.other) if each not in places]
    if unknown:
        raise ValueError(
            f"{len(unknown):,} photos of the pairs are not there, {unknown[0]} among them; "
            f"expected all, under ids as {photos[0]}"
        )
    found: dict[bool, list[Floats]] = {True: [], False: []}
    for pair in pairs:
        one, other = vectors[places[pair.one]], vectors[places[pair.other]]
        found[pair.same].append(_cosines(one, other))
    return Cosines(*(np.array(found[same], dtype=np.float32) for same in (True, False)))


def at_false_accept_rate(cosines: Cosines, rate: float) -> tuple[float, float] | None:
    """Gives the cosine above which at most this share of impostors lies, and of genuine pairs.

    None where the pairs are too few to tell.
    """
    accepted = int(rate * cosines.impostor.size)
    if accepted < 1 or not cosines.genuine.size:
        return None
    threshold = -np.partition(-cosines.impostor, accepted)[accepted]
    return float(threshold), float((cosines.genuine > threshold).mean())


def fold_accuracies(cosines: Cosines) -> tuple[Floats, float]:
    """Gives the accuracy of each fold, and the mean of their thresholds. Raises ValueError.

    Pairs of one person and of two weigh the same in sum; LFW has as many of either. Its folds
    follow each other in pairs.txt, each with persons of its own.
    """
    if min(cosines.genuine.size, cosines.impostor.size) < FOLDS:
        raise ValueError(f"{cosines}: too few pairs; expected at least {FOLDS} of either kind")
    genuine, impostor = _by_fold(cosines.genuine), _by_fold(cosines.impostor)
    accuracies, thresholds = [], []
    for fold in range(FOLDS):
        # Accepting all but what lies below a step: what is right of either kind, in sum.
        others = np.arange(FOLDS) != fold
        refused = np.cumsum(impostor[others].sum(axis=0)) / impostor[others].sum()
        accepted = 1 - np.cumsum(genuine[others].sum(axis=0)) / genuine[others].sum()
        right = refused + accepted
        best = _middle_of_best(right)
        thresholds.append(_STEPS[best + 1])
        accepted = genuine[fold, best + 1 :].sum() / genuine[fold].sum()
        refused = impostor[fold, : best + 1].sum() / impostor[fold].sum()
        accuracies.append((accepted + refused) / 2)
    return np.array(accuracies, dtype=np.float32), float(np.mean(thresholds))


def _middle_of_best(right: NDArray[np.float64]) -> int:
    """Gives the middle of the first stretch of steps than which none is better."""
    best = np.flatnonzero(right > right.max() - 1e-9)  # sums of shares differ in their last digits
    ends = np.flatnonzero(np.diff(best) > 1)
    return int(best[: ends[0] + 1].mean() if ends.size else best.mean())


def _by_fold(values: Floats) -> NDArray[np.intp]:
    """Gives how many of each fold lie in each step of the cosine: 87 million pairs are many."""
    folds = np.array_split(np.clip(values, -1.0, 1.0), FOLDS)  # rounding leads beyond
    return np.stack([np.histogram(each, _STEPS)[0] for each in folds])
