"""Decodes images."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection

from schemas.records import Outcome, Picture, Submission
from transforms import metrics
from transforms.guard import RecordStage
from transforms.load_model import ModelSource
from transforms.run_state import RUN_STATE
from transforms.scales import decoded


class _DecodeFn(RecordStage):
    stage = "decode"

    def __init__(self, model: ModelSource, max_pixels: int) -> None:
        self._source, self._max_pixels = model, max_pixels

    def process(self, record: Submission | Outcome) -> Iterable[Any]:
        if RUN_STATE.stopping and not isinstance(record, Outcome):
            # Nothing has been spent on it yet: it goes back to the rows that were not read, so
            # that a stop need not wait for a batch of large images.
            metrics.add(metrics.ROWS_READ, -1)
            return []
        return super().process(record)

    def advance(self, submission: Submission) -> Picture:
        return decoded(submission, self._max_pixels, self._source.model.detector.longest_side_px)


@dataclass
class DecodeImages(
    beam.PTransform[PCollection[Submission | Outcome], PCollection[Picture | Outcome]]
):
    """Submissions to Pictures, or to Outcomes of ERR_INVALID_IMAGE."""

    model: ModelSource
    max_pixels: int

    def expand(
        self, submissions: PCollection[Submission | Outcome]
    ) -> PCollection[Picture | Outcome]:
        return submissions | "DecodeImage" >> beam.ParDo(_DecodeFn(self.model, self.max_pixels))
