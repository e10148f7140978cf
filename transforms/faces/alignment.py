"""Turns a face upright and to the recogniser's size.

Source of the template: the five points of the ArcFace training crops, 112x112. Larger crops are
those of InsightFace's `face_align`: a multiple of 112 has the points scaled, one of 128 has them
scaled and a margin at each side.
"""

import math
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.records import UInt8Image

CROP_SIDES_PX = (112, 128)
# How many times finer than the crop the face is cut out.
_FINER = (16, 8, 4, 2)

TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    dtype=np.float64,
)


def align(pixels: UInt8Image, landmarks: NDArray[np.float32], side: int) -> UInt8Image:
    """Gives the (side, side, 3) crop. pixels: (height, width, 3). landmarks: (5, 2) in pixels.

    Linear interpolation takes few of the pixels of a large face, by chance: so one is cut out as
    many times finer as it has pixels for, and these are averaged.
    """
    matrix = similarity(landmarks, template(side))
    finer = next((each for each in _FINER if each * scale_of(matrix) <= 1.0), 1)
    matrix *= finer
    matrix[:, 2] += (finer - 1) / 2  # a pixel is counted by its centre
    crop = cv2.warpAffine(pixels, matrix, (side * finer, side * finer), flags=cv2.INTER_LINEAR)
    if finer > 1:
        crop = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(crop, dtype=np.uint8)


def can_crop(side: object) -> bool:
    """True where there is a template for crops of so many pixels."""
    return isinstance(side, int) and side > 0 and any(side % each == 0 for each in CROP_SIDES_PX)


@cache
def template(side: int) -> NDArray[np.float64]:
    """Gives where the (5, 2) landmarks are in a crop of so many pixels."""
    if side % 112 == 0:
        return TEMPLATE * (side / 112)
    ratio = side / 128
    return TEMPLATE * ratio + [8.0 * ratio, 0.0]


def scale_of(matrix: NDArray[np.float64]) -> float:
    """Gives how many times larger things are after a (2, 3) similarity."""
    return math.hypot(matrix[0, 0], matrix[1, 0])


def similarity(source: NDArray[np.float32], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives the (2, 3) least-squares rotation, scale and shift of `source` onto `target`.

    In the plane, without reflection, the optimum is closed (complex regression).

    >>> square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], dtype=np.float32)
    >>> np.allclose(similarity(square, 3.0 * square + 5.0), [[3, 0, 5], [0, 3, 5]])
    True
    """
    points, wanted = _from_their_middle(source), _from_their_middle(target)
    spread = sum(abs(each) ** 2 for each in points.around)
    product = sum(p.conjugate() * w for p, w in zip(points.around, wanted.around, strict=True))
    turn = product / max(spread, sys.float_info.min)
    shift = wanted.middle - turn * points.middle
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


class _Points(NamedTuple):
    middle: complex
    around: Sequence[complex]


def _from_their_middle(points: NDArray[Any]) -> _Points:
    """Gives (n, 2) points as complex numbers: with so few, Python is six times as fast as numpy."""
    numbers = [complex(x, y) for x, y in points.tolist()]
    middle = sum(numbers) / len(numbers)
    return _Points(middle, [each - middle for each in numbers])
