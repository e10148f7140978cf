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
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match line.replace(",", "\t").split():
            case [name, first, second] if first.isdecimal() and second.isdecimal():
                pairs.append(Pair(photo_id(name, first), photo_id(name, second), same=True))
            case [name, first, other, second] if first.isdecimal() and second.isdecimal():
                pairs.append(Pair(photo_id(name, first), photo_id(other, second), same=False))
            case []:
                continue
            case _ if number > 1:
                raise ValueError(f"{path} line {number}: expected NAME N N, or NAME N NAME N")
    if not pairs:
        raise ValueError(f"{path}: no pairs; expected lines of NAME N N, or NAME N NAME N")
    return pairs


def photo_id(name: str, number: str) -> str:
    """Gives the id that LFW's file names have.

    >>> photo_id("Jane_Doe", "3")
    'Jane_Doe_0003'
    """
    return f"{name}_{int(number):04}"


def identity(photo: str) -> str:
    """Gives who is on a photo of this id.

    >>> identity("Jane_Doe_0003")
    'Jane_Doe'
    """
    name, _, number = photo.rpartition("_")
    return name if name and number.isdecimal() else photo


def all_pairs(photos: Sequence[str], vectors: Floats) -> Cosines:
    """Gives the cosines of every photo with every other. vectors: (n, dimension), of length 1."""
    _, persons = np.unique([identity(each) for each in photos], return_inverse=True)
    genuine, impostor = [], []
    for n in range(len(photos) - 1):
        cosines, same = vectors[n + 1 :] @ vectors[n], persons[n + 1 :] == persons[n]
        genuine.append(cosines[same])
        impostor.append(cosines[~same])
    return Cosines(np.concatenate(genuine), np.concatenate(impostor))


def cosines_of(pairs: Sequence[Pair], photos: Sequence[str], vectors: Floats) -> Cosines:
    """Gives the cosines of these pairs; -1 where one of the photos has no vector."""
    places = {photo: place for place, photo in enumerate(photos)}

    def cosine(pair: Pair) -> float:
        if pair.one not in places or pair.other not in places:
            return -1.0
        return float(vectors[places[pair.one]] @ vectors[places[pair.other]])

    found: dict[bool, list[float]] = {True: [], False: []}
    for each in pairs:
        found[each.same].append(cosine(each))
    return Cosines(np.float32(found[True]), np.float32(found[False]))


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
        best = int(np.flatnonzero(right == right.max()).mean())  # the middle of a gap
        thresholds.append(_STEPS[best + 1])
        accepted = genuine[fold, best + 1 :].sum() / genuine[fold].sum()
        refused = impostor[fold, : best + 1].sum() / impostor[fold].sum()
        accuracies.append((accepted + refused) / 2)
    return np.float32(accuracies), float(np.mean(thresholds))


def _by_fold(values: Floats) -> NDArray[np.intp]:
    """Gives how many of each fold lie in each step of the cosine: 87 million pairs are many."""
    folds = np.array_split(np.clip(values, -1.0, 1.0), FOLDS)  # rounding leads beyond
    return np.stack([np.histogram(each, _STEPS)[0] for each in folds])
