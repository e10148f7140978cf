"""Decodes images."""

from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection

from schemas.records import Outcome, Picture, Submission
from transforms.guard import RecordStage
from transforms.imaging import decode


class _DecodeFn(RecordStage):
    stage = "decode"

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels

    def advance(self, submission: Submission) -> Picture:
        pixels = decode(submission.encoded, self._max_pixels)
        return Picture(submission.person, submission.encoded, pixels)


@dataclass
class DecodeImages(
    beam.PTransform[PCollection[Submission | Outcome], PCollection[Picture | Outcome]]
):
    """Submissions to Pictures, or to Outcomes of ERR_INVALID_IMAGE."""

    max_pixels: int

    def expand(
        self, submissions: PCollection[Submission | Outcome]
    ) -> PCollection[Picture | Outcome]:
        return submissions | "DecodeImage" >> beam.ParDo(_DecodeFn(self.max_pixels))
