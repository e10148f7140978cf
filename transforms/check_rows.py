"""Checks rows."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection

from schemas.inputs import FACE_URI
from schemas.options import Rules
from schemas.records import Outcome, Row, Submission
from transforms.batches import BatchStage
from transforms.face_files import FaceFiles
from transforms.guard import guarded
from transforms.submissions import submit
from transforms.turns import ALONE


class _CheckFn(BatchStage):
    """Base64 and SHA-256 let go of Python's lock for each row: so many rows take one turn.

    A row whose image is in a file, or is large, stands alone, and others need not wait for it.
    """

    stage = "check"
    max_records, max_bytes = 64, 2 << 20

    def __init__(self, rules: Rules, files: FaceFiles) -> None:
        self._rules, self._files = rules, files

    def size(self, row: Row) -> int:
        return row.size if row.fields.get(FACE_URI) is None else self.max_bytes

    def advance(self, rows: Sequence[Row]) -> Sequence[Submission | Outcome]:
        with ALONE if len(rows) > 1 else nullcontext():
            return [guarded(self._submit, row) for row in rows]

    def _submit(self, row: Row) -> Submission:
        return submit(row, self._rules, self._files)


@dataclass
class CheckRows(beam.PTransform[PCollection[Row], PCollection[Submission | Outcome]]):
    """Rows to Submissions, or to Outcomes that name the field at fault."""

    rules: Rules
    files: FaceFiles

    def expand(self, rows: PCollection[Row]) -> PCollection[Submission | Outcome]:
        return rows | "CheckRow" >> beam.ParDo(_CheckFn(self.rules, self.files))
