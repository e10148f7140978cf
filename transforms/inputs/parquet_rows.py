"""Parquet row groups to rows of Python values, a small batch at a time."""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.inputs.streams import BUFFER_BYTES

_BATCH_BYTES = 16 << 20
# Invalid UTF-8; a time that Python cannot hold; a time zone that it does not know.
_UNREADABLE = (ValueError, OverflowError, LookupError)


class UnreadableValue:
    """Stands for a value that is not what its column promises (invalid UTF-8, say)."""


def open_parquet(file: BinaryIO) -> pq.ParquetFile:
    """Opens without read-ahead: it would hold the whole row group."""
    return pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER_BYTES)


def iter_row_group(
    file: pq.ParquetFile, group: int, columns: list[str], block_rows: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Gives (rows before it in the group, batch) of at most `block_rows` rows and about 16 MB."""
    metadata = file.metadata.row_group(group)
    row_bytes = max(1, metadata.total_byte_size // max(1, metadata.num_rows))
    rows = max(1, min(block_rows, _BATCH_BYTES // row_bytes))
    before = 0
    for batch in file.iter_batches(batch_size=rows, row_groups=[group], columns=columns):
        yield before, batch
        before += batch.num_rows


def to_rows(batch: pa.RecordBatch, columns: Mapping[str, str]) -> list[dict[str, Any]]:
    """Gives a batch's rows under our names; a value that cannot be read fails its own row only.

    columns: our field -> the file's column. A map becomes a tuple of pairs, which no other type
    does.
    """
    values = [_values(batch.column(name)) for name in columns.values()]
    return [dict(zip(columns, each, strict=True)) for each in zip(*values, strict=True)]


def _values(column: pa.Array) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except _UNREADABLE:
        values = [_value(scalar) for scalar in column]
    if pa.types.is_map(column.type):
        values = [tuple(each) if isinstance(each, list) else each for each in values]
    return values


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except _UNREADABLE:
        return UnreadableValue()
