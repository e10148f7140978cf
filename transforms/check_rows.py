"""Checks rows."""

from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection

from schemas.options import Rules
from schemas.records import Outcome, Row, Submission
from transforms.face_files import FaceFiles
from transforms.guard import RecordStage
from transforms.submissions import submit


class _CheckFn(RecordStage):
    stage = "check"

    def __init__(self, rules: Rules, files: FaceFiles) -> None:
        self._rules, self._files = rules, files

    def advance(self, row: Row) -> Submission:
        return submit(row, self._rules, self._files)


@dataclass
class CheckRows(beam.PTransform[PCollection[Row], PCollection[Submission | Outcome]]):
    """Rows to Submissions, or to Outcomes that name the field at fault."""

    rules: Rules
    files: FaceFiles

    def expand(self, rows: PCollection[Row]) -> PCollection[Submission | Outcome]:
        return rows | "CheckRow" >> beam.ParDo(_CheckFn(self.rules, self.files))
