"""The choices that a job makes for its rows."""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum

DEFAULT_STORE = "./muster-store"
DEFAULT_PACK = "opencv-zoo"


class FaceStorageType(StrEnum):
    """What is kept of the image beside its vector."""

    NO_STORAGE = "NoStorage"
    THUMBNAILS = "StoreThumbnails"
    FULL_IMAGE = "StoreFullImage"


class MultipleFaces(StrEnum):
    """What is done with an image that shows several faces."""

    REJECT = "reject"
    LARGEST = "largest"
    CENTER = "center"


class OnDuplicateId(StrEnum):
    """Which of the rows of one person, in input order, is enrolled."""

    LAST = "last"
    FIRST = "first"
    REJECT = "reject"


class EngineName(StrEnum):
    """What runs the models' graphs."""

    AUTO = "auto"
    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"
    CUDA = "cuda"
    TENSORRT = "tensorrt"


class Precision(StrEnum):
    """The arithmetic of the recogniser. A detector's is always float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


@dataclass(frozen=True, slots=True)
class Inference:
    """How the graphs of a pack are run."""

    engine: EngineName = EngineName.AUTO
    precision: Precision = Precision.FLOAT32


@dataclass(frozen=True, slots=True)
class Rules:
    """The options that decide whether a row is accepted, and with which face."""

    multiple_faces: MultipleFaces = MultipleFaces.REJECT
    max_image_bytes: int = 20_000_000
    max_image_pixels: int = 50_000_000

    @property
    def digest(self) -> str:
        """SHA-256 of the rules: a person accepted under other rules is looked at again."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
