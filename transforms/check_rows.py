"""Checks rows."""

from dataclasses import dataclass

import apache_beam as beam

from schemas.options import FaceStorageType, Rules
from schemas.records import Row, Submission
from transforms.guard import RecordStage
from transforms.submissions import submit


class _CheckFn(RecordStage):
    stage = "check"

    def __init__(self, storage: FaceStorageType, rules: Rules) -> None:
        self._storage, self._rules = storage, rules

    def advance(self, row: Row) -> Submission:
        return submit(row, self._storage, self._rules)


@dataclass
class CheckRows(beam.PTransform):
    """Rows to Submissions, or to Outcomes that name the field at fault."""

    storage: FaceStorageType
    rules: Rules

    def expand(self, rows: beam.PCollection) -> beam.PCollection:
        return rows | "CheckRow" >> beam.ParDo(_CheckFn(self.storage, self.rules))
