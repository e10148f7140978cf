"""The SFace recogniser (OpenCV Zoo, 2021dec): 128 values a face. RGB 0..255, 112x112."""

from collections.abc import Sequence

import numpy as np

from schemas.records import UInt8Image, Vector
from transforms.faces.base import Engine


class SFace:
    """Embeds batches of aligned faces."""

    crop_px = 112

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def embed(self, crops: Sequence[UInt8Image]) -> Sequence[Vector]:
        """Gives one (128,) float32 vector a crop, as the network gives it. crops: RGB uint8."""
        batch = np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32)
        return list(self._engine.run(batch)["fc1"])
