"""Reads the rows of a split, on the worker that has it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
from apache_beam.pvalue import PCollection

from schemas.errors import Detail, RejectedError
from schemas.inputs import BLOCK_ROWS, PERSON_ID, ROW_FIELDS, Form, Split
from schemas.records import Row, RowRef
from transforms import metrics
from transforms.inputs.json_rows import RepeatedKeys, parse_row
from transforms.inputs.lines import Line, is_blank, iter_lines
from transforms.inputs.parquet_rows import iter_row_group, open_parquet, to_rows
from transforms.inputs.streams import DAMAGE, open_lines, open_raw
from transforms.run_state import RUN_STATE
from transforms.worker import prepare_process


@dataclass(frozen=True, slots=True)
class RowReader:
    """Gives the rows of splits. columns: our field -> the input's name, where they differ.

    only: the fields to read of a Parquet file, where not all are wanted.
    """

    collection: str
    columns: Mapping[str, str]
    max_row_bytes: int
    only: tuple[str, ...] = ROW_FIELDS[Form.PARQUET]

    def read(self, split: Split) -> Iterator[Row]:
        """Gives the rows that this part of the split keeps, and one row for any damage."""
        read = self._read_parquet if split.form is Form.PARQUET else self._read_lines
        try:
            yield from read(split)
        except DAMAGE:
            yield from self._damage(split)

    def _damage(self, split: Split) -> Iterator[Row]:
        if split.part == 0:  # all parts meet it, one tells
            yield Row(self._ref(split, None), {}, Detail.TRUNCATED_INPUT)

    def _read_parquet(self, split: Split) -> Iterator[Row]:
        row = split.first_row
        with open_raw(split.path) as raw, open_parquet(raw) as file:
            for group in range(split.start, split.end):
                try:
                    yield from self._read_row_group(split, file, group, row)
                except DAMAGE:
                    yield from self._damage(split)
                row += file.metadata.row_group(group).num_rows

    def _read_row_group(
        self, split: Split, file: pq.ParquetFile, group: int, first_row: int
    ) -> Iterator[Row]:
        names = set(file.schema_arrow.names)
        wanted = {field: self.columns.get(field, field) for field in self.only}
        present = {field: name for field, name in wanted.items() if name in names}
        for before, batch in iter_row_group(file, group, present, BLOCK_ROWS):
            rows = range(first_row + before, first_row + before + batch.num_rows)
            if not any(split.keeps(row) for row in rows):
                continue
            for row, fields in zip(rows, to_rows(batch), strict=True):
                if split.keeps(row):
                    yield self._checked(self._ref(split, row), fields)

    def _checked(self, ref: RowRef, fields: Mapping[str, Any]) -> Row:
        if sum(map(_size, fields.values())) > self.max_row_bytes:
            return Row(ref, {PERSON_ID: fields.get(PERSON_ID)}, Detail.TOO_LARGE)
        return Row(ref, fields)

    def _read_lines(self, split: Split) -> Iterator[Row]:
        with open_lines(split.path, split.start) as stream:
            lines = iter_lines(stream, self.max_row_bytes, split.start)
            for row, line in enumerate(lines, split.first_row):
                if 0 <= split.end <= line.offset:
                    break
                if split.keeps(row) and not is_blank(line):
                    yield self._parsed(self._ref(split, row), line)

    def _parsed(self, ref: RowRef, line: Line) -> Row:
        if line.content is None:
            return Row(ref, {}, Detail.TOO_LARGE)
        try:
            value = parse_row(line.content)
        except RejectedError as error:
            return Row(ref, {}, error.detail)
        return self._named(ref, value)

    def _named(self, ref: RowRef, value: Mapping[str, Any]) -> Row:
        wanted = {field: self.columns.get(field, field) for field in ROW_FIELDS[Form.JSONL]}
        for name in value.keys() - wanted.values():
            metrics.name_unknown_field(name)
        fields = {field: value[name] for field, name in wanted.items() if name in value}
        if isinstance(value, RepeatedKeys):  # the object itself is no value that a field can have
            fields |= {field: value for field, name in wanted.items() if name in value.repeated}
        return Row(ref, fields)

    def _ref(self, split: Split, row: int | None) -> RowRef:
        return RowRef(split.source, row, self.collection)


def _size(value: Any) -> int:
    """Gives about the bytes of a value, those of what it holds included."""
    if isinstance(value, Mapping):
        value = tuple(value.items())
    if isinstance(value, tuple | list):
        return sum(map(_size, value))
    return len(value) if isinstance(value, str | bytes) else 1


class _ReadFn(beam.DoFn):
    def __init__(self, reader: RowReader, stop_marker: str) -> None:
        self._reader, self._stop_marker = reader, stop_marker

    def setup(self) -> None:
        prepare_process()  # this is the first of the stages that share a worker
        RUN_STATE.join(self._stop_marker)

    def process(self, split: Split) -> Iterable[Row]:
        for row in self._reader.read(split):
            if RUN_STATE.stopping:
                return
            metrics.add(metrics.ROWS_READ)
            yield row


@dataclass
class ReadRows(beam.PTransform[PCollection[Split], PCollection[Row]]):
    """Splits to Rows. Every physical row gives exactly one; damage gives one of its own.

    stop_marker: a file whose appearance ends the reading.
    """

    reader: RowReader
    stop_marker: str

    def expand(self, splits: PCollection[Split]) -> PCollection[Row]:
        return splits | "ReadSplit" >> beam.ParDo(_ReadFn(self.reader, self.stop_marker))
