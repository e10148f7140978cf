"""What all peers do to a photo: Muster's own functions for it, and models of one thread."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.peers.job import BATCH, ONNX_RUNTIME, Clock, Job
from schemas.options import MultipleFaces, Precision, Rules
from schemas.records import UInt8Image, Vector
from transforms.base64_images import decode_base64
from transforms.faces.alignment import align
from transforms.faces.base import Engine, Share
from transforms.faces.choice import choose
from transforms.faces.onnx_engine import OnnxEngine
from transforms.faces.sface import SFace
from transforms.faces.yunet import YuNet
from transforms.imaging import decode

# All embed one face a photo, so that all have the same work.
RULES = Rules(multiple_faces=MultipleFaces.LARGEST)


@dataclass(frozen=True, slots=True)
class Models:
    """The default pack's networks, loaded and warm."""

    detector: YuNet
    recogniser: SFace


def load(folder: str, engine: str, callers: int = 1) -> Models:
    """Loads both for so many threads that call them. The detector is faster in ONNX Runtime."""
    cv2.setNumThreads(0)
    detector = YuNet(OnnxEngine(Path(folder, "yunet.onnx").read_bytes(), 1))
    models = Models(detector, SFace(_engine(engine, Path(folder, "sface.onnx"), callers)))
    models.detector.detect(np.zeros((250, 250, 3), np.uint8))
    models.recogniser.embed([np.zeros((112, 112, 3), np.uint8)] * BATCH)
    return models


def _engine(name: str, graph: Path, callers: int) -> Engine:
    if name == ONNX_RUNTIME:
        return OnnxEngine(graph.read_bytes(), 1)
    # Not everything that runs with ONNX Runtime has OpenVINO.
    from transforms.faces.openvino_engine import OpenVinoEngine

    return OpenVinoEngine(graph.read_bytes(), Share(callers, threads=1), Precision.FLOAT32)


class Faces:
    """One worker of a peer."""

    def __init__(self, job: Job, callers: int = 1) -> None:
        self._models = load(job.models, job.engine, callers)
        self._clock = Clock(job.scratch)

    def vectors(self, photos: Sequence[str]) -> list[Vector | None]:
        """Gives a (128,) float32 vector for each photo in Base64, None where it has no face."""
        self._clock.start()
        crops = [self._crop(each) for each in photos]
        found = [each for each in crops if each is not None]
        made: Iterator[Vector] = iter(self._models.recogniser.embed(found) if found else ())
        return [None if each is None else next(made) for each in crops]

    def _crop(self, photo: str) -> UInt8Image | None:
        pixels = decode(decode_base64(photo, RULES.max_image_bytes))
        faces = self._models.detector.detect(pixels)
        if not faces:
            return None
        height, width = pixels.shape[:2]
        face = choose(faces, RULES.multiple_faces, width, height)
        return align(pixels, face.landmarks, SFace.crop_px)
