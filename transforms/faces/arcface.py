"""The ArcFace recognisers of the InsightFace library, behind our protocol."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.records import UInt8Image, Vector


class ArcFace:
    """Embeds batches of aligned faces. model: the library's ArcFaceONNX object."""

    def __init__(self, model: Any) -> None:
        self._model = model
        # A graph that was exported for one face takes no more.
        self._one_by_one = isinstance(model.input_shape[0], int)

    @property
    def crop_px(self) -> int:
        """The side of a crop."""
        return int(self._model.input_size[0])

    def embed(self, crops: Sequence[UInt8Image]) -> Sequence[Vector]:
        """Gives one float32 vector a crop, as the network gives it. crops: RGB uint8."""
        batch = np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32)
        groups = np.split(batch, len(batch)) if self._one_by_one else [batch]
        return [vector for group in groups for vector in self._model.forward(group)]
