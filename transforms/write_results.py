"""Writes one result record a row."""

from dataclasses import dataclass

import apache_beam as beam
from apache_beam.io import WriteToText
from apache_beam.pvalue import PCollection

from schemas.json_lines import json_line
from schemas.records import Outcome
from transforms.run_state import RUN_STATE

RESULTS_SUFFIX = ".jsonl"


def _record(outcome: Outcome) -> str:
    """Gives the outcome's line, counted on its way."""
    RUN_STATE.count(outcome.action or outcome.code)
    return json_line(outcome.to_json())


@dataclass
class WriteResults(beam.PTransform[PCollection[Outcome], PCollection[str]]):
    """Outcomes to JSONL files under `prefix`, each whole before it has its final name.

    One file a worker: a fixed number would put a shuffle before it.
    """

    prefix: str

    def expand(self, outcomes: PCollection[Outcome]) -> PCollection[str]:
        return (
            outcomes
            | "ToRecord" >> beam.Map(_record)
            | "WriteRecords" >> WriteToText(self.prefix, file_name_suffix=RESULTS_SUFFIX)
        )
