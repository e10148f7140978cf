"""Parquet row groups to rows of Python values, a small batch at a time."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transforms.inputs.parquet_footers import AS_WE_READ, Footer, read_footer
from transforms.inputs.parquet_sizes import as_dictionaries, mean_row_bytes, shared_bytes
from transforms.inputs.streams import BUFFER_BYTES

_BATCH_BYTES = 16 << 20
# Of values that rows share, in the worst case; most writers give every column a dictionary.
_SHARED_BYTES = 64 << 20
_LEAST_ROWS = 4
# Invalid UTF-8; a time that Python cannot hold; a time zone that it does not know.
_UNREADABLE = (ValueError, OverflowError, LookupError)


class UnreadableValue:
    """Stands for a value that is not what its column promises (invalid UTF-8, say)."""


@dataclass(frozen=True, eq=False)
class OpenParquet:
    """A file that is being read. raw: its own bytes; source: the same for Arrow."""

    raw: BinaryIO
    source: Any
    footer: Footer
    _readers: dict[tuple[str, ...], pq.ParquetFile] = field(default_factory=dict, init=False)

    def reader(self, group: int) -> pq.ParquetFile:
        """Gives what reads this row group.

        Texts within others stay in their dictionaries: a row may hold one thousands of times.
        """
        metadata = self.footer.metadata
        paths = as_dictionaries(metadata.row_group(group), self.footer.nested)
        if paths not in self._readers:
            self._readers[paths] = pq.ParquetFile(
                self.source,
                metadata=metadata,
                read_dictionary=paths,
                buffer_size=BUFFER_BYTES,
                **AS_WE_READ,
            )
        return self._readers[paths]


@contextmanager
def open_parquet(raw: BinaryIO) -> Iterator[OpenParquet]:
    """Opens the file for the block. Raises one of DAMAGE."""
    footer = read_footer(raw)
    # A page may have a thousand large images, and is held twice on its way through Python.
    local = getattr(raw, "raw", None)  # of a buffered reader, which remote files have as well
    with pa.OSFile(local.name) if isinstance(local, io.FileIO) else nullcontext(raw) as source:
        yield OpenParquet(raw, source, footer)


def iter_row_group(
    opened: OpenParquet, group: int, columns: list[str], block_rows: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Gives (rows before it in the group, batch) of at most `block_rows` rows and about 16 MB.

    Raises one of DAMAGE.
    """
    metadata = opened.footer.metadata.row_group(group)
    rows = _BATCH_BYTES // max(1, mean_row_bytes(metadata, columns))
    shared = _SHARED_BYTES // max(1, shared_bytes(opened.raw, metadata, columns))
    size = max(1, min(block_rows, rows, max(_LEAST_ROWS, shared)))
    batches = opened.reader(group).iter_batches(
        size,
        row_groups=[group],
        columns=columns,
        use_threads=False,  # to hand each batch to one of Arrow's takes longer than to read it
    )
    before = 0
    for batch in batches:
        yield before, batch
        before += batch.num_rows
    if before != metadata.num_rows:  # some broken pages end a column without an error
        raise EOFError("fewer rows than the footer says")


def to_rows(batch: pa.RecordBatch, columns: Mapping[str, str]) -> list[dict[str, Any]]:
    """Gives a batch's rows under our names; a value that cannot be read fails its own row only.

    columns: our field -> the file's column. A map becomes a tuple of pairs, which no other type
    does.
    """
    values = [_values(batch.column(name)) for name in columns.values()]
    return [dict(zip(columns, each, strict=True)) for each in zip(*values, strict=True)]


def _values(column: pa.Array) -> list[Any]:
    try:
        if pa.types.is_map(column.type):
            return _maps(column)
        if pa.types.is_dictionary(column.type):
            return _shared(column)
        if _has_short_floats(column.type):
            return _structs(column) if pa.types.is_struct(column.type) else _shortest(column)
        values: list[Any] = column.to_pylist()
    except _UNREADABLE:
        values = [_value(scalar) for scalar in column]
    return values


def _maps(column: pa.MapArray) -> list[Any]:
    """Gives a tuple of pairs for each. Arrow's way takes six times as long for dictionaries."""
    ends = column.offsets.to_pylist()
    first, size = ends[0], ends[-1] - ends[0]
    keys, items = (_values(each.slice(first, size)) for each in (column.keys, column.items))
    pairs = list(zip(keys, items, strict=True))
    return [
        tuple(pairs[start - first : end - first]) if there else None
        for start, end, there in zip(ends, ends[1:], pc.is_valid(column).to_pylist(), strict=False)
    ]


def _has_short_floats(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        names = [each.name for each in kind]
        return len(names) == len(set(names)) and any(_has_short_floats(each.type) for each in kind)
    return bool(pa.types.is_float32(kind))


def _structs(column: pa.StructArray) -> list[Any]:
    names = [each.name for each in column.type]
    values = zip(*(_values(each) for each in column.flatten()), strict=True)
    return [
        dict(zip(names, each, strict=True)) if there else None
        for each, there in zip(values, pc.is_valid(column).to_pylist(), strict=True)
    ]


def _shortest(column: pa.FloatArray) -> list[Any]:
    """Gives the number of the fewest digits that is this float32: 1.1, not 1.100000023841858."""
    values: list[Any] = column.cast(pa.string()).cast(pa.float64()).to_pylist()
    return values


def _shared(column: pa.DictionaryArray) -> list[Any]:
    """Gives a value that stands several times as one object."""
    indices = column.indices.to_pylist()
    used = sorted({each for each in indices if each is not None})
    made = pc.take(column.dictionary, pa.array(used, pa.int64())).to_pylist()
    values = dict(zip(used, made, strict=True))
    return [values.get(each) for each in indices]


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except _UNREADABLE:
        return _parts(scalar)


def _parts(scalar: Any) -> Any:
    """Gives a value that Python cannot hold as a whole.

    A time to the nanosecond becomes the text that ISO 8601 has for it.
    """
    try:
        if isinstance(scalar, pa.StructScalar):
            fields = [(name, _value(each)) for name, each in scalar.items()]
            # Of fields of one name the last would be taken: JSON's is refused as well.
            return dict(fields) if len(dict(fields)) == len(fields) else UnreadableValue()
        if isinstance(scalar, pa.MapScalar):
            return [(_value(each["key"]), _value(each["value"])) for each in scalar.values]
        if isinstance(scalar, pa.TimestampScalar) and scalar.type.unit == "ns":
            return _to_the_nanosecond(scalar, pa.timestamp("us", scalar.type.tz))
        if isinstance(scalar, pa.Time64Scalar):  # those to the microsecond can be held
            return _to_the_nanosecond(scalar, pa.time64("us"))
    except _UNREADABLE:
        pass
    return UnreadableValue()


def _to_the_nanosecond(scalar: Any, microseconds: pa.DataType) -> str:
    whole = pa.scalar(scalar.value // 1000, microseconds).as_py()
    text = whole.isoformat(timespec="microseconds")
    end = text.index(".") + 7
    return f"{text[:end]}{scalar.value % 1000:03}{text[end:]}"
