"""Writes one result record a row."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.io import WriteToText

from schemas.errors import Code
from schemas.records import Outcome
from transforms.run_state import RUN_STATE

RESULTS_SUFFIX = ".jsonl"


class _RecordFn(beam.DoFn):
    def process(self, outcome: Outcome) -> Iterable[str]:
        if outcome.code is Code.DATABASE_ERROR:
            RUN_STATE.lose_store()  # no use in reading on
        RUN_STATE.count(outcome.action or outcome.code)
        yield json.dumps(outcome.to_json(), ensure_ascii=False)


@dataclass
class WriteResults(beam.PTransform):
    """Outcomes to JSONL files under `prefix`, each whole before it has its final name.

    One file a worker: a fixed number would put a shuffle before it.
    """

    prefix: str

    def expand(self, outcomes: beam.PCollection) -> beam.PCollection:
        return (
            outcomes
            | "ToRecord" >> beam.ParDo(_RecordFn())
            | "WriteRecords" >> WriteToText(self.prefix, file_name_suffix=RESULTS_SUFFIX)
        )
