"""The SCRFD detector of the InsightFace library, behind our protocol."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.records import Face, UInt8Image

# What the library's FaceAnalysis.prepare takes where nothing is said: its users' vectors are
# those of faces found so. A graph of one fixed size uses that instead.
SCORE_THRESHOLD = 0.5
SIZES = ((128, 128), (640, 640))


class Scrfd:
    """Finds faces and their five landmarks. model: the library's SCRFD object."""

    def __init__(self, model: Any) -> None:
        model.prepare(ctx_id=0, input_size=list(SIZES), det_thresh=SCORE_THRESHOLD)
        self._model = model

    @property
    def longest_side_px(self) -> int:
        """Of the largest size that it looks at an image in."""
        return max(side for size in self._model.input_sizes for side in size)

    def detect(self, pixels: UInt8Image) -> Sequence[Face]:
        """Gives faces of score >= 0.5, best first. pixels: (height, width, 3) RGB."""
        smallest = min(side for size in self._model.input_sizes for side in size)
        image = cv2.cvtColor(widened(pixels, smallest), cv2.COLOR_RGB2BGR)
        boxes, landmarks = self._model.detect(image)
        return [_face(*each) for each in zip(boxes, landmarks, strict=True)]


def widened(pixels: UInt8Image, side: int) -> UInt8Image:
    """Gives the image with black at its right or bottom, where it is a mere line.

    The library scales the longer side to `side`, and fails where that leaves the other with no
    pixel.
    """
    height, width = pixels.shape[:2]
    least = -(-max(height, width) // side)
    down, right = max(0, least - height), max(0, least - width)
    if not down and not right:
        return pixels
    return np.pad(pixels, ((0, down), (0, right), (0, 0)))


def _face(box: NDArray[np.float32], landmarks: NDArray[np.float32]) -> Face:
    x1, y1, x2, y2, score = (float(each) for each in box)
    return Face((x1, y1, x2, y2), landmarks.astype(np.float32), score)
