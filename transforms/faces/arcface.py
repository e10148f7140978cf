"""The ArcFace recognisers of the InsightFace library, behind our protocol."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.records import UInt8Image, Vector

_SAME = 0.9999  # the cosine above which two vectors of one crop are the same


class ArcFace:
    """Embeds batches of aligned faces. model: the library's ArcFaceONNX object."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._one_by_one = not self._takes_batches()

    @property
    def crop_px(self) -> int:
        """The side of a crop."""
        return int(self._model.input_size[0])

    def embed(self, crops: Sequence[UInt8Image]) -> Sequence[Vector]:
        """Gives one (dimension,) float32 vector a crop, as the network gives it.

        crops: RGB uint8.
        """
        if self._one_by_one:
            return [self._forward([each])[0] for each in crops]
        return self._forward(crops)

    def _takes_batches(self) -> bool:
        """False for a graph that was exported for one face, whether it says so or not."""
        if self._model.input_shape[0] == 1:
            return False
        noise = np.random.default_rng(0).integers(0, 256, (2, self.crop_px, self.crop_px, 3))
        crops = list(noise.astype(np.uint8))
        alone = [self._forward([each])[0] for each in crops]
        try:
            together = self._forward(crops)
        except Exception:  # ONNX Runtime has no class of its own for a shape that does not fit
            return False
        return len(together) == len(crops) and all(map(_same, together, alone))

    def _forward(self, crops: Sequence[UInt8Image]) -> Sequence[Vector]:
        batch = np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32)
        # Some graphs give (n, dimension, 1, 1).
        return [each.ravel() for each in self._model.forward(batch)]


def _same(one: Vector, other: Vector) -> bool:
    return float(one @ other) >= _SAME * float(np.linalg.norm(one) * np.linalg.norm(other))
