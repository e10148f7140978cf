"""Checks every input file and cuts it into splits, without reading any image."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.find_inputs import FoundInputs
from schemas.errors import Code, RefusedError
from schemas.inputs import FACE_FIELDS, PERSON_ID, PERSON_NAME, ROW_FIELDS, Form, InputFile, Split
from transforms.inputs.lines import is_blank, iter_lines
from transforms.inputs.parquet_rows import open_parquet
from transforms.inputs.streams import DAMAGE, is_compressed, open_lines, open_raw

SPLIT_BYTES = 64 << 20
# Below so many splits a worker, each split is dealt to all workers in blocks of rows.
_SPLITS_A_WORKER = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be read. unknown_fields: columns that no field of ours has."""

    inputs: tuple[InputFile, ...]
    splits: tuple[Split, ...]
    skipped_files: tuple[str, ...]
    unknown_fields: frozenset[str]

    @property
    def rows(self) -> int:
        """All rows of all inputs."""
        return sum(each.rows for each in self.inputs)


def plan_splits(
    found: FoundInputs, columns: Mapping[str, str], max_row_bytes: int, workers: int
) -> Plan:
    """Gives the plan. Raises RefusedError for a file that cannot be read at all."""
    inputs, splits, unknown = [], [], set[str]()
    for path, form, size in found.files:
        if form is Form.PARQUET:
            cut, ignored = _cut_parquet(path, columns)
            unknown |= ignored
        else:
            cut = _cut_lines(path, max_row_bytes)
        inputs.append(InputFile(path, form, size, sum(rows for _, rows in cut)))
        splits += [split for split, _ in cut]
    dealt = tuple(deal(splits, workers))
    return Plan(tuple(inputs), dealt, found.skipped, frozenset(unknown))


def deal(splits: list[Split], workers: int) -> Iterator[Split]:
    """Gives every split whole, or in one part a worker where there are too few of them."""
    few = len(splits) < _SPLITS_A_WORKER * workers
    for split in splits:
        parts = workers if few or is_compressed(split.path) else 1
        for part in range(parts):
            yield replace(split, part=part, parts=parts)


def absolute(path: str) -> str:
    """Gives what means the same file to a worker that was started elsewhere."""
    return path if "://" in path else os.path.abspath(path)


def _cut_lines(path: str, max_row_bytes: int) -> list[tuple[Split, int]]:
    """Counts the rows and notes where they begin; damage is the reader's to tell."""
    cuts: list[list[int]] = [[0, 0, 0]]  # first byte, first line, rows
    end = 0
    try:
        with open_lines(path) as stream:
            for number, line in enumerate(iter_lines(stream, max_row_bytes)):
                if line.offset - cuts[-1][0] >= SPLIT_BYTES and not is_compressed(path):
                    cuts.append([line.offset, number, 0])
                cuts[-1][2] += not is_blank(line)
                end = line.offset + line.size
    except DAMAGE as error:
        begun = cuts[-1][2] > 0 or isinstance(error, EOFError)
        if not (begun and is_compressed(path)):
            why = "cannot be read, or is not what its suffix says"
            raise _unreadable(path, f"{why} ({type(error).__name__})") from error
    # What is added to the file from now on is for the next run.
    ends = [*(each[0] for each in cuts[1:]), -1 if is_compressed(path) else end]
    return [
        (Split(path, absolute(path), Form.JSONL, start, end, line), rows)
        for (start, line, rows), end in zip(cuts, ends, strict=True)
    ]


def _cut_parquet(path: str, columns: Mapping[str, str]) -> tuple[list[tuple[Split, int]], set[str]]:
    try:
        with open_raw(path) as raw, open_parquet(raw) as file:
            unknown = _check_columns(path, file.schema_arrow, columns)
            return list(_cut_row_groups(path, file.metadata)), unknown
    except DAMAGE as error:
        why = "is not a readable Parquet file (it has no whole footer); write or copy it again"
        raise _unreadable(path, why) from error


def _cut_row_groups(path: str, metadata: pq.FileMetaData) -> Iterable[tuple[Split, int]]:
    """Gives runs of whole row groups of at least SPLIT_BYTES."""
    start, first_row, rows, size = 0, 0, 0, 0
    for group in range(metadata.num_row_groups):
        rows += metadata.row_group(group).num_rows
        size += metadata.row_group(group).total_byte_size
        if size >= SPLIT_BYTES or group == metadata.num_row_groups - 1:
            yield Split(path, absolute(path), Form.PARQUET, start, group + 1, first_row), rows
            start, first_row, rows, size = group + 1, first_row + rows, 0, 0


def _check_columns(path: str, schema: pa.Schema, columns: Mapping[str, str]) -> set[str]:
    """Gives the columns that we ignore. Raises RefusedError where no row could be enrolled."""
    wanted = {field: columns.get(field, field) for field in ROW_FIELDS[Form.PARQUET]}
    for name in wanted.values():
        if schema.names.count(name) > 1:  # which of the two was meant cannot be known
            raise _unreadable(path, f"has the column {name} more than once; rename or drop one")
    faces = FACE_FIELDS[Form.PARQUET]
    usable = {
        field
        for field, name in wanted.items()
        if name in schema.names and _holds(field, schema.field(name).type)
    }
    if not {PERSON_ID, PERSON_NAME} <= usable or not usable.intersection(faces):
        seen = ", ".join(f"{each.name} ({each.type})" for each in schema) or "none"
        names = [wanted[PERSON_ID], wanted[PERSON_NAME], " or ".join(wanted[f] for f in faces)]
        why = (
            f"has columns {seen}; wanted {names[0]} (string), {names[1]} (string) and one of "
            f"{names[2]}; name yours with --column, as in --column {PERSON_ID}=EMP_NO"
        )
        raise _unreadable(path, why)
    return set(schema.names) - set(wanted.values())


def _holds(field: str, kind: pa.DataType) -> bool:
    """True where a column of this type can hold the field at all."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return field not in {PERSON_ID, PERSON_NAME} or any(is_text(kind) for is_text in texts)


def _unreadable(path: str, why: str) -> RefusedError:
    return RefusedError(Code.UNPROCESSABLE_CONTENT, f"input {path}: {why}")
