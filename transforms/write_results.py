"""Writes one result record a row."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io import WriteToText
from apache_beam.pvalue import PCollection
from apache_beam.transforms.window import GlobalWindows

from schemas.json_lines import json_line
from schemas.records import Outcome
from transforms.run_state import RUN_STATE

RESULTS_SUFFIX = ".jsonl"

# Beam's sink takes as long for a text of several lines as for one.
_LINES_AT_ONCE = 64


class _RecordFn(beam.DoFn):
    def start_bundle(self) -> None:
        self._lines: list[str] = []

    def process(self, outcome: Outcome) -> Iterable[str]:
        RUN_STATE.count(outcome.action or outcome.code)
        self._lines.append(json_line(outcome.to_json()))
        if len(self._lines) < _LINES_AT_ONCE:
            return []
        lines, self._lines = self._lines, []
        return ["\n".join(lines)]

    def finish_bundle(self) -> Iterable[Any]:
        if self._lines:
            yield GlobalWindows.windowed_value_at_end_of_window("\n".join(self._lines))


@dataclass
class WriteResults(beam.PTransform[PCollection[Outcome], PCollection[str]]):
    """Outcomes to JSONL files under `prefix`, each whole before it has its final name.

    One file a worker: a fixed number would put a shuffle before it.
    """

    prefix: str

    def expand(self, outcomes: PCollection[Outcome]) -> PCollection[str]:
        return (
            outcomes
            | "ToRecords" >> beam.ParDo(_RecordFn())  # type: ignore[no-untyped-call]
            | "WriteRecords" >> WriteToText(self.prefix, file_name_suffix=RESULTS_SUFFIX)
        )
