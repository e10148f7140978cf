"""Checks the columns of a Parquet file, and cuts it into runs of whole row groups."""

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.file_cut import SPLIT_BYTES, FileCut, absolute, cannot_be_read
from schemas.inputs import (
    PARQUET_FACES,
    PARQUET_FIELDS,
    PERSON_ID,
    PERSON_NAME,
    VECTOR,
    Form,
    Split,
)
from transforms.inputs.parquet_footers import Footer, check_footer
from transforms.inputs.parquet_rows import open_parquet
from transforms.inputs.parquet_sizes import unreadable
from transforms.inputs.streams import DAMAGE, open_raw


def cut_parquet(path: str, columns: Mapping[str, str]) -> FileCut:
    """Gives the splits. Raises RefusedError for a file without a footer or without our columns."""
    try:
        with open_raw(path) as raw:
            check_footer(raw)
        with open_raw(path) as raw, open_parquet(raw) as opened:
            unknown = _check_columns(path, opened.footer.schema, columns)
            _check_encodings(path, opened.footer, unknown)
            splits = tuple(_cut_row_groups(path, opened.footer.metadata))
    except MemoryError:  # also one of Arrow's; too little memory is no fault of the file
        raise
    except (*DAMAGE, UnicodeDecodeError) as error:
        why = (
            "is not a readable Parquet file (its footer is cut, it is encrypted, or a column is of "
            "a kind that Arrow does not read); write or copy it again"
        )
        raise cannot_be_read(path, why, error) from error
    return FileCut(splits, sum(each.rows for each in splits), frozenset(unknown))


def _cut_row_groups(path: str, metadata: pq.FileMetaData) -> Iterable[Split]:
    """Gives runs of at least SPLIT_BYTES."""
    start, first_row, rows, size = 0, 0, 0, 0
    for group in range(metadata.num_row_groups):
        rows += metadata.row_group(group).num_rows
        size += metadata.row_group(group).total_byte_size
        if size >= SPLIT_BYTES or group == metadata.num_row_groups - 1:
            yield Split(path, absolute(path), Form.PARQUET, start, group + 1, first_row, rows)
            start, first_row, rows, size = group + 1, first_row + rows, 0, 0


def _check_columns(path: str, schema: pa.Schema, columns: Mapping[str, str]) -> set[str]:
    """Gives the columns that we ignore. Raises RefusedError where no row could be enrolled."""
    wanted = {field: columns.get(field, field) for field in PARQUET_FIELDS}
    for name in wanted.values():
        if schema.names.count(name) > 1:  # which of the two was meant cannot be known
            raise cannot_be_read(path, f"has the column {name} more than once; rename or drop one")
    seen = ", ".join(f"{each.name} ({_kind(each.type)})" for each in schema) or "none"
    for field, name in columns.items():
        # Rows of a form of their own may have the face that is named; other data would be wiped.
        if field not in PARQUET_FACES and name not in schema.names:
            why = f"has columns {seen}; none is the one of --column {field}={name}"
            raise cannot_be_read(path, why)
    usable = {
        field
        for field, name in wanted.items()
        if name in schema.names and _holds(field, schema.field(name).type)
    }
    images = [field for field in PARQUET_FACES if field != VECTOR]  # with which no row is enrolled
    if not {PERSON_ID, PERSON_NAME} <= usable or not usable.intersection(images):
        faces = " or ".join(wanted[field] for field in images)
        why = (
            f"has columns {seen}; wanted {wanted[PERSON_ID]} (string), {wanted[PERSON_NAME]} "
            f"(string) and one of {faces}; name yours with --column, as in "
            f"--column {PERSON_ID}=EMP_NO, and cast ids of another type to string"
        )
        raise cannot_be_read(path, why)
    return set(schema.names) - set(wanted.values())


def _check_encodings(path: str, footer: Footer, unknown: set[str]) -> None:
    for number in range(footer.metadata.num_row_groups):
        if bad := unreadable(footer.metadata.row_group(number), footer.nested) - unknown:
            kind = footer.schema.field(min(bad)).type
            why = (
                f"holds texts of {min(bad)} ({_kind(kind)}) as DELTA_BYTE_ARRAY, which cannot be "
                "read within another type; write it as Parquet's version 1 (of Spark, with "
                "parquet.writer.version=v1)"
            )
            raise cannot_be_read(path, why)


def _kind(of: pa.DataType) -> str:
    """Gives the type's name without what it is made of: the keys of a struct are private."""
    return str(of).partition("<")[0]


def _holds(field: str, kind: pa.DataType) -> bool:
    """True where a column of this type can hold the field at all."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return field not in {PERSON_ID, PERSON_NAME} or any(is_text(kind) for is_text in texts)
