"""Turns aligned faces into vectors, several at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
from apache_beam.pvalue import PCollection
from numpy.typing import NDArray

from schemas.records import AlignedFace, EmbeddedFace, Outcome
from transforms.batches import BatchStage
from transforms.load_model import ModelSource

# As many as a core's caches hold: SFace takes 5 % more for a face in batches of 8, and alone 8 %.
BATCH_FACES = 4


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gives (..., d) vectors at length 1. A zero vector becomes NaN, which no store gets."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class _EmbedFn(BatchStage):
    stage = "embed"
    max_records, max_bytes = BATCH_FACES, 32 << 20

    def __init__(self, model: ModelSource) -> None:
        self._source = model

    def size(self, face: AlignedFace) -> int:
        return face.crop.nbytes + len(face.kept) + face.person.text_length

    def advance(self, faces: Sequence[AlignedFace]) -> Sequence[EmbeddedFace]:
        vectors = self._source.model.recogniser.embed([each.crop for each in faces])
        return [
            EmbeddedFace(each.person, each.face, vector, each.kept)
            for each, vector in zip(faces, unit(np.asarray(vectors, dtype=np.float32)), strict=True)
        ]


@dataclass
class EmbedFaces(
    beam.PTransform[PCollection[AlignedFace | Outcome], PCollection[EmbeddedFace | Outcome]]
):
    """AlignedFaces to EmbeddedFaces."""

    model: ModelSource

    def expand(
        self, faces: PCollection[AlignedFace | Outcome]
    ) -> PCollection[EmbeddedFace | Outcome]:
        return faces | "EmbedFaces" >> beam.ParDo(_EmbedFn(self.model))
