"""Writes a payload from images that lie in files: Parquet, in row groups of a bounded size."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.whole_files import check_absent, written_whole
from schemas.errors import UsageError
from schemas.inputs import FACE, METADATA, PERSON_ID, PERSON_NAME

GROUP_BYTES = 32_000_000

# More is no photo, and a value of a Parquet column cannot hold much more.
IMAGE_BYTES = 1_000_000_000

# What Parquet adds at most: headers of pages to a group, lengths and levels to a row and a pair.
_GROUP_EXTRA, _ROW_EXTRA, _PAIR_EXTRA = 100_000, 64, 32

# Statistics and dictionaries would repeat images, and images do not compress.
_AS_IT_IS: dict[str, Any] = {
    "compression": "none",
    "use_dictionary": False,
    "write_statistics": False,
}

_TOLD_PROBLEMS = 20

_SCHEMA = pa.schema(
    [
        (PERSON_ID, pa.string()),
        (PERSON_NAME, pa.string()),
        (METADATA, pa.map_(pa.string(), pa.string())),
        (FACE, pa.binary()),
    ]
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of one person. place: how a message names it."""

    person_id: str
    person_name: str
    metadata: tuple[tuple[str, str], ...]
    path: str
    place: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What cannot be packed, and why. It tells no person's name and no metadata."""

    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be packed.

    found: goes through all of it, once more at each call; no image has been opened yet.
    skipped: how many files are no images. several: how many persons have several images.
    """

    found: Callable[[], Iterator[Entry | Problem]]
    skipped: int = 0
    several: int = 0


@dataclass(frozen=True, slots=True)
class Packed:
    """How much was written."""

    rows: int
    row_groups: int


class UnusableFileError(Exception):
    """There is nothing to read at a path."""


def pack(source: Source, out: Path) -> Packed:
    """Writes all of the source, or nothing. Raises UsageError where that cannot be done."""
    _check_out(out)
    _check_source(source)
    with written_whole(out) as file:
        return _write(source, file)


def _check_out(out: Path) -> None:
    """Raises UsageError where the payload cannot get this name."""
    if out.suffix != ".parquet":
        raise UsageError(f"{out}: expected a name that ends in .parquet")
    check_absent(out)
    if not out.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent}; make it first")


def open_file(path: str, most_bytes: int) -> BinaryIO:
    """Gives a file that has bytes, open. Raises UnusableFileError; opens no FIFO and no device."""
    try:
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode):
            raise UnusableFileError("not a regular file")
        if not info.st_size:
            raise UnusableFileError("empty")
        if info.st_size > most_bytes:
            raise UnusableFileError(f"larger than {most_bytes:,} bytes")
        return open(path, "rb")
    except FileNotFoundError as error:
        raise UnusableFileError("no such file") from error
    except OSError as error:
        raise UnusableFileError(f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UnusableFileError("no lawful path") from error


def summary(out: Path, source: Source, packed: Packed) -> Iterator[str]:
    """Gives the lines that tell what was written."""
    line = f"{out}: {_many(packed.rows, 'row')} in {_many(packed.row_groups, 'row group')}"
    yield line + (f", {_many(source.skipped, 'other file')} skipped" if source.skipped else "")
    if source.several:
        yield (
            f"{_many(source.several, 'person')} with several images: `muster enroll` takes the "
            "last of each, unless --on-duplicate-id tells it otherwise"
        )


def _many(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _check_source(source: Source) -> None:
    """Raises UsageError that tells the first problems of a source, and how many more it has."""
    problems = _problems(source)
    first = list(islice(problems, _TOLD_PROBLEMS))
    further = sum(1 for _ in problems)
    if further:
        first.append(f"and {further} further problems")
    if first:
        raise UsageError("nothing was packed:\n  " + "\n  ".join(first))


def _problems(source: Source) -> Iterator[str]:
    for each in source.found():
        if isinstance(each, Problem):
            yield each.text
            continue
        try:
            open_file(each.path, IMAGE_BYTES).close()
        except UnusableFileError as error:
            yield f"{each.place}: {error}"


def _write(source: Source, file: BinaryIO) -> Packed:
    written = groups = 0
    with pq.ParquetWriter(file, _SCHEMA, **_AS_IT_IS) as writer:
        for rows in _groups(source):
            writer.write_table(pa.Table.from_pylist(rows, _SCHEMA), row_group_size=len(rows))
            written, groups = written + len(rows), groups + 1
    return Packed(written, groups)


def _groups(source: Source) -> Iterator[list[dict[str, Any]]]:
    """Gives the rows by row group, in one list that is used again: one group is in memory."""
    rows: list[dict[str, Any]] = []
    size = _GROUP_EXTRA
    for row in map(_row, source.found()):
        more = _size(row)
        if rows and size + more > GROUP_BYTES:
            yield rows
            rows.clear()
            size = _GROUP_EXTRA
        rows.append(row)
        size += more
    yield rows


def _row(found: Entry | Problem) -> dict[str, Any]:
    """Gives the row with its image. Raises UsageError for what went away since it was checked."""
    if isinstance(found, Problem):
        raise UsageError(f"changed meanwhile: {found.text}")
    try:
        with open_file(found.path, IMAGE_BYTES) as file:
            face = file.read()
    except (UnusableFileError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"changed meanwhile: {found.place}: {why}") from error
    return {
        PERSON_ID: found.person_id,
        PERSON_NAME: found.person_name,
        METADATA: found.metadata,
        FACE: face,
    }


def _size(row: dict[str, Any]) -> int:
    texts = [row[PERSON_ID], row[PERSON_NAME], *(text for pair in row[METADATA] for text in pair)]
    extra = _ROW_EXTRA + _PAIR_EXTRA * len(row[METADATA])
    return len(row[FACE]) + sum(len(text.encode()) for text in texts) + extra
