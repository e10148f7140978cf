"""Checks rows."""

from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection

from schemas.options import FaceStorageType, Rules
from schemas.records import Outcome, Row, Submission
from transforms.guard import RecordStage
from transforms.submissions import submit


class _CheckFn(RecordStage):
    stage = "check"

    def __init__(self, storage: FaceStorageType, rules: Rules) -> None:
        self._storage, self._rules = storage, rules

    def advance(self, row: Row) -> Submission:
        return submit(row, self._storage, self._rules)


@dataclass
class CheckRows(beam.PTransform[PCollection[Row], PCollection[Submission | Outcome]]):
    """Rows to Submissions, or to Outcomes that name the field at fault."""

    storage: FaceStorageType
    rules: Rules

    def expand(self, rows: PCollection[Row]) -> PCollection[Submission | Outcome]:
        return rows | "CheckRow" >> beam.ParDo(_CheckFn(self.storage, self.rules))
