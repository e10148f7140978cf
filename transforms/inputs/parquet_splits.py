"""The rows of a Parquet file's row groups."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

import pyarrow.parquet as pq

from schemas.errors import Code, Detail, Fault
from schemas.inputs import BLOCK_ROWS, PERSON_ID, Split
from schemas.records import Row, RowRef
from transforms.inputs.found import Found, Reading
from transforms.inputs.parquet_rows import iter_row_group, open_parquet, to_rows
from transforms.inputs.streams import DAMAGE, open_raw


def rows_of_parquet(reading: Reading, split: Split) -> Iterator[Found]:
    """Gives all rows of the split's row groups, and a row of its own for each damaged one."""
    row = split.first_row
    with open_raw(split.path) as raw, open_parquet(raw) as file:
        for group in range(split.start, split.end):
            try:
                yield from _row_group(reading, split, file, group, row)
            except DAMAGE:
                yield damage(reading, split)
            row += file.metadata.row_group(group).num_rows


def damage(reading: Reading, split: Split) -> Found:
    """Gives the row that stands for damage to the file. All parts meet it, the first tells."""
    ref = RowRef(split.source, None, reading.collection)
    fault = Fault(Code.UNPROCESSABLE_CONTENT, Detail.TRUNCATED_INPUT)
    return ref, partial(Row, ref, {}, reading.face_storage_type, fault=fault)


def _row_group(
    reading: Reading, split: Split, file: pq.ParquetFile, group: int, first_row: int
) -> Iterator[Found]:
    names = file.schema_arrow.names
    columns = {
        field: name for field, name in reading.names(reading.only).items() if name in set(names)
    }
    wanted = names if reading.keep_raw else list(dict.fromkeys(columns.values()))
    folder = os.path.dirname(split.path)

    for before, batch in iter_row_group(file, group, wanted, BLOCK_ROWS):
        rows = cache(partial(to_rows, batch, columns))  # not made where no row is wanted
        for n in range(batch.num_rows):
            raw = batch.slice(n, 1) if reading.keep_raw else None
            ref = RowRef(split.source, first_row + before + n, reading.collection, raw=raw)
            yield ref, partial(_row, reading, ref, rows, n, folder)


def _row(
    reading: Reading,
    ref: RowRef,
    rows: Callable[[], Sequence[Mapping[str, Any]]],
    n: int,
    folder: str,
) -> Row:
    fields = rows()[n]
    if sum(map(_size, fields.values())) > reading.max_row_bytes:
        fault = Fault(Code.UNPROCESSABLE_CONTENT, Detail.TOO_LARGE)
        fields = {PERSON_ID: fields.get(PERSON_ID)}
        return Row(ref, fields, reading.face_storage_type, folder, fault)
    return Row(ref, fields, reading.face_storage_type, folder)


def _size(value: Any) -> int:
    """Gives about the bytes of a value, those of what it holds included."""
    if isinstance(value, Mapping):
        value = tuple(value.items())
    if isinstance(value, tuple | list):
        return sum(map(_size, value))
    return len(value) if isinstance(value, str | bytes) else 1
