"""What rows of a Parquet file take in memory, told before any of them is made.

A file is far smaller than its rows where these share values: a dictionary holds each once, and
DELTA_BYTE_ARRAY only how a value differs from the one before. The footer's sizes are those of the
file; a footer that lies is found out as damage, or costs the memory of one page (at most 2 GB).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

# A page's header in Thrift's compact protocol: its type (2, a dictionary) and decompressed size.
_DICTIONARY_HEADER = re.compile(rb"\x15\x04\x15([\x80-\xff]{0,4}[\x00-\x7f])")
_HEADER_BYTES = 16
# A nested column is read as a dictionary where all of it can be held.
_NESTED_BYTES = 64 << 20
_OTHER_BYTES = 8
# Arrow's names of how texts are written.
_LENGTHS, _PREFIXES = "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"
_SHARING = {_PREFIXES, "PLAIN_DICTIONARY", "RLE_DICTIONARY"}
# What Python needs for a value within another; a file holds millions of nulls in a few bytes.
_ITEM_BYTES = 64


def mean_row_bytes(group: pq.RowGroupMetaData, columns: Sequence[str]) -> int:
    """Gives what a row of these columns takes, by the file's own sizes."""
    chunks = list(_chunks(group, columns))
    values = sum(each.total_uncompressed_size for each in chunks)
    items = sum(max(0, each.num_values - group.num_rows) for each in chunks)  # of maps and lists
    return (values + _ITEM_BYTES * items) // max(1, group.num_rows)


def shared_bytes(file: BinaryIO, group: pq.RowGroupMetaData, columns: Sequence[str]) -> int:
    """Gives what a row can take at most of values that it shares with others."""
    return sum(_shared(file, chunk) for chunk in _chunks(group, columns))


class NestedText(NamedTuple):
    """A text within a map, list or struct. number: of its column chunk; column: that it is of."""

    number: int
    path: str
    column: str


def nested_texts(file: pq.ParquetFile) -> tuple[NestedText, ...]:
    """Gives the file's texts within maps, lists and structs.

    By Arrow's schema: Parquet's own and the footer hold each other, so that a footer whose schema
    was asked for stays in memory until Python next looks for such circles.
    """
    schema, paths = file.schema_arrow, [".".join(parts) for parts in file.reader.column_paths]
    kinds = [(each.name, kind) for each in schema for kind in _leaves(each.type)]
    if len(kinds) != len(paths):
        return ()
    return tuple(
        NestedText(n, path, top)
        for n, ((top, kind), path) in enumerate(zip(kinds, paths, strict=True))
        if _is_text(kind) and path not in schema.names
    )


def as_dictionaries(group: pq.RowGroupMetaData, nested: Iterable[NestedText]) -> tuple[str, ...]:
    """Gives the paths of those that are read as dictionaries in this row group.

    Arrow cannot where lengths are DELTA-encoded, and need not, for such values share nothing.
    """
    chunks = ((each.path, group.column(each.number)) for each in nested)
    return tuple(
        path
        for path, chunk in chunks
        if chunk.total_uncompressed_size <= _NESTED_BYTES
        and not (_LENGTHS in chunk.encodings and not _SHARING & {*chunk.encodings})
    )


def unreadable(group: pq.RowGroupMetaData, nested: Iterable[NestedText]) -> set[str]:
    """Gives the columns with texts that share values in a way that Arrow holds in full only.

    A row of some kilobytes of these would take gigabytes.
    """
    found = set()
    for each in nested:
        used = {*group.column(each.number).encodings}
        if _PREFIXES in used or (_LENGTHS in used and used & _SHARING):
            found.add(each.column)
    return found


def row_bytes(batch: pa.RecordBatch) -> list[int]:
    """Gives about what each row takes as Python values, without making them."""
    total = sum((_bytes(column) for column in batch.columns), np.zeros(batch.num_rows, np.int64))
    return list(total.tolist())


def _leaves(kind: pa.DataType) -> Iterator[pa.DataType]:
    """Gives the types that have columns of their own, in their order."""
    stored = kind.storage_type if isinstance(kind, pa.ExtensionType) else kind
    if pa.types.is_nested(stored):
        for n in range(stored.num_fields):
            yield from _leaves(stored.field(n).type)
    else:
        yield kind


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    is_text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    is_bytes = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return any(each(kind) for each in is_text + is_bytes)


def _chunks(group: pq.RowGroupMetaData, columns: Iterable[str]) -> Iterator[pq.ColumnChunkMetaData]:
    tops = {f"{each}." for each in columns}
    for chunk in map(group.column, range(group.num_columns)):
        if any(f"{chunk.path_in_schema}.".startswith(top) for top in tops):
            yield chunk


def _shared(file: BinaryIO, chunk: pq.ColumnChunkMetaData) -> int:
    if chunk.physical_type != "BYTE_ARRAY":
        return 0
    whole: int = chunk.total_uncompressed_size
    if _PREFIXES in chunk.encodings:
        return whole
    if not chunk.has_dictionary_page:
        return 0
    file.seek(chunk.dictionary_page_offset)
    header = _DICTIONARY_HEADER.match(file.read(_HEADER_BYTES))
    if header is None:
        return whole
    # Seven bits a byte, the lowest first; doubled, for the sign stands last.
    size = sum((byte & 0x7F) << 7 * n for n, byte in enumerate(header[1])) >> 1
    return max(size, chunk.data_page_offset - chunk.dictionary_page_offset)


def _bytes(array: Any) -> NDArray[np.int64]:
    """Gives the bytes of each value, those of what it holds included."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return _lengths(array, np.dtype(np.int32))
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return _lengths(array, np.dtype(np.int64))
    if isinstance(array, pa.ExtensionArray):
        return _bytes(array.storage)
    if pa.types.is_dictionary(kind):
        own = np.append(_bytes(array.dictionary), 0)  # the last is that of a null
        indices = array.indices
        if indices.null_count:
            indices = indices.cast(pa.int64()).fill_null(-1)  # they may be of a type without a sign
        return own[indices.to_numpy()]
    if pa.types.is_fixed_size_list(kind):
        return _bytes(array.cast(pa.list_(kind.value_type)))
    if pa.types.is_map(kind):
        return _of_lists(array, _bytes(array.keys) + _bytes(array.items))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _of_lists(array, _bytes(array.values))
    if pa.types.is_struct(kind):
        fields = (_bytes(array.field(n)) for n in range(kind.num_fields))
        return sum(fields, np.zeros(len(array), np.int64))
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return _bytes(array.cast(pa.large_binary()))
    return np.full(len(array), _OTHER_BYTES, np.int64)


def _lengths(array: Any, width: np.dtype[Any]) -> NDArray[np.int64]:
    """Gives the bytes of each text, by its offsets: Arrow's own function takes ten times as long.

    width: of an offset.
    """
    if not len(array):  # there may be no offsets
        return np.zeros(0, np.int64)
    begun = array.offset * width.itemsize
    offsets = np.frombuffer(array.buffers()[1], width, len(array) + 1, begun)
    return np.diff(offsets).astype(np.int64)


def _of_lists(array: Any, inner: NDArray[np.int64]) -> NDArray[np.int64]:
    before = np.concatenate([[0], np.cumsum(inner + _ITEM_BYTES)])
    return np.diff(before[array.offsets.to_numpy()])
