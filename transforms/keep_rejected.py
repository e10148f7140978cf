"""Keeps the rows that were not enrolled, ready to be given back as INPUT."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
from apache_beam.pvalue import PCollection

from schemas.errors import Code
from schemas.records import Outcome
from transforms import metrics
from transforms.rejected_files import RejectedFiles

# The winner of a duplicate is in the input already.
_NOT_WANTED = (Code.OK, Code.DUPLICATE_ID)


class _KeepFn(beam.DoFn):
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def start_bundle(self) -> None:
        self._files = RejectedFiles(Path(self._folder))

    def process(self, outcome: Outcome) -> Iterable[Outcome]:
        ref = outcome.ref
        wanted = outcome.code not in _NOT_WANTED and not ref.is_damage
        if wanted and not self._files.add(ref):
            metrics.add(metrics.NOT_KEPT)
        return [outcome]

    def finish_bundle(self) -> None:
        self._files.close()


@dataclass
class KeepRejected(beam.PTransform[PCollection[Outcome], PCollection[Outcome]]):
    """Outcomes, untouched; the rows of those that are rejected go to files in `folder`."""

    folder: str

    def expand(self, outcomes: PCollection[Outcome]) -> PCollection[Outcome]:
        return outcomes | "KeepRejected" >> beam.ParDo(_KeepFn(self.folder))
