"""Writes one result record a row."""

import json
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.io import WriteToText
from apache_beam.pvalue import PCollection

from schemas.records import Outcome
from transforms.run_state import RUN_STATE

RESULTS_SUFFIX = ".jsonl"

# JSON lets them stand, but much that reads lines would end one there.
_LINE_ENDS = {each: f"\\u{each:04x}" for each in (0x85, 0x2028, 0x2029)}


def _record(outcome: Outcome) -> str:
    """Gives the outcome's line, counted on its way."""
    RUN_STATE.count(outcome.action or outcome.code)
    return json.dumps(outcome.to_json(), ensure_ascii=False).translate(_LINE_ENDS)


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
