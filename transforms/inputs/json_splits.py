"""The rows of JSON files: of a range of lines, or of a piece of one large body."""

import io
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from schemas.errors import Code, Detail, Fault, RejectedError
from schemas.inputs import PERSONS, BodyHead, Split
from schemas.options import FaceStorageType
from schemas.records import FilePiece, Row, RowRef
from transforms import metrics
from transforms.inputs.bodies import iter_persons, may_be_body, refusal, scan_body
from transforms.inputs.found import Found, Reading
from transforms.inputs.json_rows import RepeatedKeys, parse_row
from transforms.inputs.json_scanner import Value
from transforms.inputs.lines import Line, iter_lines
from transforms.inputs.streams import open_lines

_TOO_LARGE = Fault(Code.UNPROCESSABLE_CONTENT, Detail.TOO_LARGE)


def rows_of_lines(reading: Reading, split: Split) -> Iterator[Found]:
    """Gives the rows of lines, and the persons of lines that are bodies.

    Raises EOFError where the file ends before the split does: it was cut since it was planned.
    """
    end = split.start
    with open_lines(split.path, split.start) as stream:
        # No byte that was not planned: a last line that was half there may be whole by now, and
        # its id was not compared with the others.
        last = sys.maxsize if split.end < 0 else split.end
        lines = iter_lines(stream, reading.max_row_bytes, split.start, last)
        for number, line in enumerate(lines, split.first_row):
            if not line.is_blank:
                yield from _line(reading, split, number, line)
            end = line.pass_over()
    if end < split.end:
        raise EOFError


def rows_of_body(reading: Reading, split: Split, head: BodyHead) -> Iterator[Found]:
    """Gives `split.rows` persons of one body, from the first of this split on."""
    if head.malformed:
        size = -1 if split.end < 0 else split.end - split.start
        yield _malformed(reading, split, head, FilePiece(split.path, split.start, size))
        return

    def holds(n: int) -> int:
        ref = RowRef(split.source, split.first_row + n, head.collection, head.request)
        return reading.max_row_bytes if split.keeps(ref) else 0

    with open_lines(split.path, split.start) as stream:
        persons = iter_persons(stream, split.start, split.rows, holds)
        yield from _persons(reading, split, head, persons)


def _line(reading: Reading, split: Split, number: int, line: Line) -> Iterator[Found]:
    text = line.text
    if text is None:
        line.pass_over()  # one in which the file breaks off is no row, but damage
    raw = _raw_line(split, line) if reading.keep_raw else None
    if text is not None and may_be_body(text):
        persons: list[Value] = []
        size = reading.max_row_bytes
        body = scan_body(io.BytesIO(line.content or b""), number, size, persons.append, line.offset)
        if body.is_one(rows_expected=bool(reading.collection)):
            for name in body.unknown_fields:
                metrics.name_unknown_field(name)
            if body.head.malformed:
                yield _malformed(reading, split, body.head, raw)
            else:
                yield from _persons(reading, split, body.head, persons)
            return
    if split.broken_are_bodies:
        fault = _parsed(text)[1]
        yield _malformed(reading, split, BodyHead(number, "", fault=fault, malformed=True), raw)
        return
    ref = RowRef(split.source, number, reading.collection, raw=raw)
    make = partial(_row, reading, split, ref, text, reading.face_storage_type)
    yield Found(ref, make, _held(text) + _held(raw))


def _raw_line(split: Split, line: Line) -> bytes | FilePiece:
    if line.text is not None:
        return line.text.rstrip(b"\r\n")
    return FilePiece(split.path, line.offset, line.pass_over() - line.offset)


def _persons(
    reading: Reading, split: Split, head: BodyHead, persons: Iterable[Value]
) -> Iterator[Found]:
    if head.fault is None:
        head = replace(head, fault=refusal(head.collection, reading.bodies_into))
    for number, person in enumerate(persons, split.first_row if split.body else 0):
        raw = _raw_person(split, head, person) if reading.keep_raw else None
        ref = RowRef(split.source, number, head.collection, head.request, raw)
        storage = head.face_storage_type
        make = partial(_row, reading, split, ref, person.content, storage, head.fault)
        yield Found(ref, make, _held(person.content) + _held(raw))


def _raw_person(split: Split, head: BodyHead, person: Value) -> bytes | FilePiece:
    """Gives a body of this person alone."""
    comma = ", " if len(head.opening) > len("{}") else ""
    before, after = f'{head.opening[:-1]}{comma}"{PERSONS}": ['.encode(), b"]}"
    if person.content is not None:
        return before + person.content + after
    return FilePiece(split.path, person.offset, person.size, before, after)


def _malformed(reading: Reading, split: Split, head: BodyHead, raw: Any) -> Found:
    """Gives the one row that stands for a whole body."""
    raw = raw if reading.keep_raw else None
    ref = RowRef(split.source, None, head.collection, head.request, raw)
    make = partial(Row, ref, {}, head.face_storage_type, fault=head.fault)
    return Found(ref, make, _held(raw))


def _row(
    reading: Reading,
    split: Split,
    ref: RowRef,
    text: bytes | None,
    storage: FaceStorageType,
    refused: Fault | None = None,
) -> Row:
    value, fault = _parsed(text)
    names = reading.json_names
    for name in value.keys() - names.values():
        metrics.name_unknown_field(name)
    fields = {field: value[name] for field, name in names.items() if name in value}
    if isinstance(value, RepeatedKeys):  # the object itself is no value that a field can have
        fields |= {field: value for field, name in names.items() if name in value.repeated}
    return Row(ref, fields, storage, _folder(split.path), refused or fault, _held(text))


def _held(content: bytes | FilePiece | None) -> int:
    return len(content) if isinstance(content, bytes) else 0


@lru_cache  # of a row that is read in 15 microseconds, it would take two
def _folder(path: str) -> str:
    return os.path.dirname(path)


def _parsed(text: bytes | None) -> tuple[Mapping[str, Any], Fault | None]:
    if text is None:
        return {}, _TOO_LARGE
    try:
        return parse_row(text), None
    except RejectedError as error:
        return {}, error.fault
