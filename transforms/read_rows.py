"""Reads the rows of a split, on the worker that has it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import PCollection

from schemas.inputs import Form, Split
from schemas.records import Row
from transforms import metrics
from transforms.duplicates import Losers
from transforms.inputs.found import Found, Reading
from transforms.inputs.json_splits import rows_of_body, rows_of_lines
from transforms.inputs.parquet_splits import damage, rows_of_parquet
from transforms.inputs.shared_reading import rows_of_part
from transforms.inputs.streams import DAMAGE
from transforms.run_state import RUN_STATE
from transforms.turns import wait_for_turn
from transforms.worker import prepare_process


def read_split(reading: Reading, split: Split) -> Iterator[Row]:
    """Gives the rows that this part of the split keeps, and one row for any damage."""
    losers = Losers(split.losers, split.number) if split.losers else None
    with closing(losers) if losers else nullcontext():
        for ref, make, _ in _kept(reading, split):
            fault = losers.fault(ref) if losers else None
            yield replace(make(), fault=fault) if fault else make()


def _kept(reading: Reading, split: Split) -> Iterator[Found]:
    def find(split: Split) -> Iterator[Found]:
        return islice(_found(reading, split), split.take)

    return find(split) if split.parts == 1 else rows_of_part(RUN_STATE.run, split, find)


def _found(reading: Reading, split: Split) -> Iterator[Found]:
    try:
        if split.form is Form.PARQUET:
            yield from rows_of_parquet(reading, split)
        elif split.body is not None:
            yield from rows_of_body(reading, split, split.body)
        else:
            yield from rows_of_lines(reading, split)
    except MemoryError:  # also one of Arrow's; too little memory is no fault of the file
        raise
    except DAMAGE:
        yield damage(reading, split)


class _ReadFn(beam.DoFn):
    def __init__(self, reading: Reading, stop_marker: str, options: Mapping[str, Any]) -> None:
        self._reading, self._stop_marker, self._filesystem_options = reading, stop_marker, options

    def setup(self) -> None:
        prepare_process()  # this is the first of the stages that share a worker
        RUN_STATE.join(self._stop_marker)
        if FileSystems._pipeline_options is None:  # in a pool's worker, whom Beam tells none
            FileSystems.set_options(PipelineOptions.from_dictionary(dict(self._filesystem_options)))

    def process(self, split: Split) -> Iterable[Row]:
        # Here as well, for opening what is left of a large input takes minutes.
        if RUN_STATE.is_over(self._stop_marker):
            return
        given = 0
        try:
            for row in read_split(self._reading, split):
                if RUN_STATE.is_over(self._stop_marker):
                    return
                wait_for_turn()
                given += 1
                yield row
        except GeneratorExit:  # a later stage broke: what is stored from now on has no record
            if RUN_STATE.under_way:  # the launcher's process: elsewhere it may be tried again
                RUN_STATE.stop("a stage broke")
            raise
        finally:
            metrics.add(metrics.ROWS_READ, given)


@dataclass
class ReadRows(beam.PTransform[PCollection[Split], PCollection[Row]]):
    """Splits to Rows. Every physical row gives exactly one; damage gives one of its own.

    stop_marker: a file whose appearance ends the reading. filesystem_options: those of Beam's that
    tell how filesystems are reached.
    """

    reading: Reading
    stop_marker: str
    filesystem_options: Mapping[str, Any]

    def expand(self, splits: PCollection[Split]) -> PCollection[Row]:
        return splits | "ReadSplit" >> beam.ParDo(
            _ReadFn(self.reading, self.stop_marker, self.filesystem_options)
        )
