"""The rows of a Parquet file's row groups."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from typing import Any

import pyarrow as pa

from schemas.errors import Code, Detail, Fault
from schemas.inputs import BLOCK_ROWS, PERSON_ID, Split
from schemas.records import Row, RowRef
from transforms.inputs.found import Found, Reading
from transforms.inputs.parquet_rows import OpenParquet, iter_row_group, open_parquet, to_rows
from transforms.inputs.parquet_sizes import mean_row_bytes, row_bytes
from transforms.inputs.streams import DAMAGE, open_raw

# Rows of so many bytes are read in any case, so that one that is larger than it may be is kept.
_READABLE_BYTES = 64 << 20
# What a file holds beside the values: headers of pages, statistics.
_OVERHEAD_BYTES = 1 << 20
_TOGETHER_BYTES = 32 << 20
_NOT_CAST = (
    pa.types.is_large_string,
    pa.types.is_large_binary,
    pa.types.is_string_view,
    pa.types.is_binary_view,
)
_TOO_LARGE = Fault(Code.UNPROCESSABLE_CONTENT, Detail.TOO_LARGE)


def rows_of_parquet(reading: Reading, split: Split) -> Iterator[Found]:
    """Gives all rows of the split's row groups, and a row of its own for each damaged one."""
    row = split.first_row
    with open_raw(split.path) as raw, open_parquet(raw) as opened:
        for group in range(split.start, split.end):
            try:
                yield from _readable_rows(reading, split, opened, group, row)
            except MemoryError:  # also one of Arrow's; too little memory is no fault of the file
                raise
            except DAMAGE:
                yield damage(reading, split)
            row += opened.footer.metadata.row_group(group).num_rows


def damage(reading: Reading, split: Split) -> Found:
    """Gives the row that stands for damage to the file. All parts meet it, the first tells."""
    ref = RowRef(split.source, None, reading.collection)
    fault = Fault(Code.UNPROCESSABLE_CONTENT, Detail.TRUNCATED_INPUT)
    return Found(ref, partial(Row, ref, {}, reading.face_storage_type, fault=fault), 0)


def _readable_rows(
    reading: Reading, split: Split, opened: OpenParquet, group: int, first_row: int
) -> Iterator[Found]:
    """Gives the rows of a row group, not to be kept where a column that is not ours is damaged."""
    given = 0
    try:
        for found in _row_group(reading, split, opened, group, first_row):
            given += 1
            yield found
        return
    except MemoryError:
        raise
    except DAMAGE:
        if not reading.keep_raw:
            raise
    ours = replace(reading, keep_raw=False)
    yield from islice(_row_group(ours, split, opened, group, first_row), given, None)


def _row_group(
    reading: Reading, split: Split, opened: OpenParquet, group: int, first_row: int
) -> Iterator[Found]:
    footer, limit = opened.footer, reading.max_row_bytes
    names = footer.schema.names
    columns = {
        field: name for field, name in reading.names(reading.only).items() if name in set(names)
    }
    id_alone = {PERSON_ID: columns[PERSON_ID]}
    ours = list(dict.fromkeys(columns.values()))
    metadata = footer.metadata.row_group(group)
    # Rows that are far too large by the footer are told by their ids alone, and not even read.
    most = max(limit, _READABLE_BYTES)
    readable = mean_row_bytes(metadata, ours) <= most + _OVERHEAD_BYTES
    keeps = (
        reading.keep_raw and readable and mean_row_bytes(metadata, names) <= most + _OVERHEAD_BYTES
    )
    wanted = names if keeps else ours if readable else list(id_alone.values())
    folder = os.path.dirname(split.path)

    for before, batch in iter_row_group(opened, group, wanted, BLOCK_ROWS):
        fields = batch.select(ours) if keeps else batch
        sizes = row_bytes(fields)
        whole = row_bytes(batch) if keeps else []
        # Rows that share no large value are made together, and not where none is wanted.
        together = None
        if sum(sizes) <= _TOGETHER_BYTES:
            together = cache(partial(to_rows, fields, columns))
        for n, size in enumerate(sizes):
            kept = _kept(batch.slice(n, 1), footer.schema) if keeps and whole[n] <= most else None
            ref = RowRef(split.source, first_row + before + n, reading.collection, raw=kept)
            if not readable or size > limit:
                fault, made = _TOO_LARGE, partial(_alone, fields, n, id_alone)
            elif together is not None:
                fault, made = None, partial(_nth, together, n)
            else:
                fault, made = None, partial(_alone, fields, n, columns)
            yield Found(ref, partial(_row, reading, ref, made, folder, fault, size), size)


def _kept(row: pa.RecordBatch, plain: pa.Schema) -> pa.RecordBatch | None:
    """Gives the row in its file's schema, None where Arrow knows no way back to it."""
    if row.schema.equals(plain):
        return row
    try:
        columns = [_plain(column, field.type) for column, field in zip(row, plain, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=plain)
    except (pa.ArrowException, ValueError, OverflowError):
        return None


def _plain(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Gives the column with its dictionaries undone."""
    if column.type.equals(kind):
        return column
    # Arrow's way back to large texts in a map ends the process, and there is none to views.
    return column.cast(kind) if _is_cast(kind) else pa.array(column.to_pylist(), kind)


def _is_cast(kind: pa.DataType) -> bool:
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return False
    if pa.types.is_nested(kind):
        return all(_is_cast(kind.field(n).type) for n in range(kind.num_fields))
    return not any(each(kind) for each in _NOT_CAST)


def _alone(batch: pa.RecordBatch, n: int, columns: Mapping[str, str]) -> Mapping[str, Any]:
    [fields] = to_rows(batch.slice(n, 1), columns)
    return fields


def _nth(rows: Callable[[], Sequence[Mapping[str, Any]]], n: int) -> Mapping[str, Any]:
    return rows()[n]


def _row(
    reading: Reading,
    ref: RowRef,
    made: Callable[[], Mapping[str, Any]],
    folder: str,
    fault: Fault | None,
    size: int,
) -> Row:
    return Row(ref, made(), reading.face_storage_type, folder, fault, size)
