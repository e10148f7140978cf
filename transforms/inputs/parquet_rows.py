"""Parquet row groups to rows of Python values, a small batch at a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.inputs.streams import BUFFER_BYTES

_BATCH_BYTES = 16 << 20
# Invalid UTF-8; a time that Python cannot hold; a time zone that it does not know.
_UNREADABLE = (ValueError, OverflowError, LookupError)


class UnreadableValue:
    """Stands for a value that is not what its column promises (invalid UTF-8, say)."""


def open_parquet(file: BinaryIO, shared_values: Sequence[str] = ()) -> pq.ParquetFile:
    """Opens without read-ahead: it would hold the whole row group.

    shared_values: columns whose equal values are held once, as the file may hold them: 64 rows
    of one large image would otherwise take 64 times its size.
    """
    metadata = pq.read_metadata(file)
    leaves = [metadata.schema.column(n) for n in range(metadata.num_columns)]
    shared = {each.path for each in leaves if each.physical_type == "BYTE_ARRAY"}
    return pq.ParquetFile(
        file,
        metadata=metadata,
        pre_buffer=False,
        buffer_size=BUFFER_BYTES,
        read_dictionary=sorted(shared.intersection(shared_values)),
    )


def iter_row_group(
    file: pq.ParquetFile, group: int, columns: Mapping[str, str], block_rows: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Gives (rows before it in the group, batch) of at most `block_rows` rows and about 16 MB.

    columns: our field -> the file's column; batches come under our names.
    """
    metadata = file.metadata.row_group(group)
    row_bytes = max(1, metadata.total_byte_size // max(1, metadata.num_rows))
    rows = max(1, min(block_rows, _BATCH_BYTES // row_bytes))
    names = list(dict.fromkeys(columns.values()))  # two fields may be read from one column
    before = 0
    for batch in file.iter_batches(batch_size=rows, row_groups=[group], columns=names):
        values = [batch.column(name) for name in columns.values()]
        yield before, pa.RecordBatch.from_arrays(values, names=list(columns))
        before += batch.num_rows


def to_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Gives a batch's rows one by one; a value that cannot be read fails its own row only.

    A map becomes a tuple of pairs, which no other type does.
    """
    fields = list(zip(batch.schema.names, batch.columns, strict=True))
    for row in range(batch.num_rows):
        yield {name: _value(column[row]) for name, column in fields}


def _value(scalar: pa.Scalar) -> Any:
    try:
        value = scalar.as_py()
    except _UNREADABLE:
        return UnreadableValue()
    return tuple(value) if pa.types.is_map(scalar.type) and value is not None else value
