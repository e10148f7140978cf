"""Cuts JSONL files at the beginnings of lines, and large bodies between their persons.

All of a file is read for it: so rows have their number before any worker has read a line, and
what is wrong with a body shows before any person of it is enrolled.
"""

import io
from dataclasses import replace

from pipelines.file_cut import (
    SPLIT_BYTES,
    FileCut,
    Requests,
    absolute,
    cannot_be_read,
)
from schemas.errors import Code, RejectedError
from schemas.inputs import PERSONS, Form, Split
from transforms.inputs.bodies import Body, may_be_body, scan_body
from transforms.inputs.json_rows import parse_row
from transforms.inputs.json_scanner import Readable, Value
from transforms.inputs.lines import Line, iter_lines
from transforms.inputs.streams import DAMAGE, is_compressed, open_lines

# A longer body is not read as a line: it has splits of its own. Each of a compressed file's splits
# is found by decompressing all that stands before it, so there they are fewer.
_LONG_BODY_BYTES = 8 << 20
_LONG_BODY_BYTES_COMPRESSED = 32 << 20
# How other files begin, none of which begins a JSON text.
_OTHERS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"PK\x03\x04": "ZIP",
    b"PAR1": "Parquet",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


def cut_json(path: str, max_row_bytes: int) -> FileCut:
    """Gives the splits of a file that is one body. Raises RefusedError where it cannot be read."""
    try:
        with open_lines(path) as stream:
            body, pieces = _scan(stream, 0, 0, max_row_bytes)
    except DAMAGE as error:
        raise cannot_be_read(path, f"cannot be read ({type(error).__name__})", error) from error
    requests = Requests()
    requests.add(path, body)
    splits = _body_splits(path, Form.JSON, body, pieces, 0, -1)
    return FileCut(tuple(splits), 0, body.unknown_fields, requests)


def cut_lines(path: str, max_row_bytes: int, rows_expected: bool, limit: float) -> FileCut:
    """Gives the splits of a JSONL file; damage is the reader's to tell.

    rows_expected: person rows have a collection to go to. limit: rows that are enough. Raises
    RefusedError for a file that is not what its suffix says.
    """
    cut = _cut_lines(path, max_row_bytes, rows_expected, limit, closely=not rows_expected)
    if rows_expected and cut.person_rows and cut.requests.number:
        # Whether a broken line is a body or a row depends on what all others are.
        cut = _cut_lines(path, max_row_bytes, rows_expected, limit, closely=True)
    return cut


def _cut_lines(
    path: str, max_row_bytes: int, rows_expected: bool, limit: float, closely: bool
) -> FileCut:
    """closely: parse each line that is no body, to know whether it can be a row."""
    cuts = _LineCuts(path, rows_expected, closely)
    try:
        with open_lines(path) as stream:
            for number, line in enumerate(iter_lines(stream, max_row_bytes)):
                if cuts.rows >= limit and not line.is_blank:
                    cuts.cut_short = True
                    break
                if number == 0:
                    _check_text(path, line.content or b"")
                if not line.is_blank:
                    cuts.add(number, line, max_row_bytes)
                cuts.end = line.pass_over()
    except DAMAGE as error:
        begun = cuts.rows > 0 or isinstance(error, EOFError)
        if not (begun and is_compressed(path)):
            why = "cannot be read, or is not what its suffix says"
            raise cannot_be_read(path, f"{why} ({type(error).__name__})", error) from error
        cuts.cut_short = cuts.rows >= limit  # behind the limit, which nobody reads up to
    return cuts.finished()


def _check_text(path: str, begin: bytes) -> None:
    """Raises RefusedError for what is another kind of file: each of its lines would be a row."""
    for start, kind in _OTHERS.items():
        if begin.startswith(start):
            why = (
                f"is {kind}; expected lines of JSON in UTF-8: name it as what it is, or convert it"
            )
            raise cannot_be_read(path, why)


class _Pieces:
    """Where to cut a body: (byte, first row, rows), each of about SPLIT_BYTES."""

    def __init__(self) -> None:
        self.found: list[list[int]] = []
        self._row = 0

    def add(self, person: Value) -> None:
        """Takes the next person."""
        if not self.found or person.offset - self.found[-1][0] >= SPLIT_BYTES:
            self.found.append([person.offset, self._row, 0])
        self.found[-1][2] += 1
        self._row += 1


class _LineCuts:
    """The splits of a JSONL file, as its lines come by.

    rows: all rows so far. end: the byte after the last line. cut_short: there are further lines.
    """

    def __init__(self, path: str, rows_expected: bool, closely: bool) -> None:
        self._path, self._rows_expected, self._closely = path, rows_expected, closely
        compressed = is_compressed(path)
        self._long = _LONG_BODY_BYTES_COMPRESSED if compressed else _LONG_BODY_BYTES
        self._splits: list[Split] = []
        self._start = self._first_line = self._open_rows = 0  # of the split that is growing
        self._requests, self._unknown = Requests(), frozenset[str]()
        self._person_rows = self._broken = 0
        self.rows = self.end = 0
        self.cut_short = False

    def add(self, number: int, line: Line, max_row_bytes: int) -> None:
        """Takes the next line that is not blank."""
        body, pieces, readable = self._look_at(number, line, max_row_bytes)
        if line.offset - self._start >= SPLIT_BYTES and not is_compressed(self._path):
            self._close(line.offset, line.offset, number)
        rows = 1 if body is None else body.rows
        self.rows += rows
        self._person_rows += body is None and readable
        self._broken += body is None and not readable
        if body is not None:
            self._requests.add(self._path, body)
            end = line.pass_over()
            if end - line.offset > min(max_row_bytes, self._long):
                self._unknown |= body.unknown_fields
                self._close(line.offset, end, number + 1)
                self._splits += _body_splits(self._path, Form.JSONL, body, pieces, line.offset, end)
                return
        self._open_rows += rows

    def _look_at(
        self, number: int, line: Line, max_row_bytes: int
    ) -> tuple[Body | None, _Pieces, bool]:
        """Gives the body, where the line is one, and whether a line that is none can be a row."""
        pieces = _Pieces()
        text = line.text
        if line.long is not None or (text is not None and may_be_body(text)):
            stream = line.long or io.BytesIO(line.content or b"")
            body, pieces = _scan(stream, number, line.offset, max_row_bytes)
            if body.is_one(self._rows_expected):
                return body, pieces, False
            if text is None:
                fault = body.head.fault
                return None, pieces, fault is None or fault.detail == PERSONS
        return None, pieces, _can_be_row(text or b"", self._closely)

    def _close(self, end: int, start: int, number: int) -> None:
        """Ends the growing split, and begins one at another byte and line."""
        if self._open_rows:
            self._splits.append(self._growing(end))
        self._start, self._first_line, self._open_rows = start, number, 0

    def _growing(self, end: int) -> Split:
        path, rows = self._path, self._open_rows
        return Split(path, absolute(path), Form.JSONL, self._start, end, self._first_line, rows)

    def finished(self) -> FileCut:
        """Gives what has come of it."""
        # What is added to the file from now on is for the next run. A compressed one is read to
        # its end, for that is where damage shows.
        end = -1 if is_compressed(self._path) else self.end
        splits = [*self._splits, self._growing(end)]
        if self._person_rows == 0 and (self._requests.number or not self._rows_expected):
            splits = [replace(each, broken_are_bodies=True) for each in splits]
            self._requests.faulty[Code.UNPROCESSABLE_CONTENT] += self._broken
        else:
            self._person_rows += self._broken
        return FileCut(
            tuple(splits), self._person_rows, self._unknown, self._requests, self.cut_short
        )


def _scan(stream: Readable, request: int, offset: int, max_row_bytes: int) -> tuple[Body, _Pieces]:
    pieces = _Pieces()
    return scan_body(stream, request, max_row_bytes, pieces.add, offset), pieces


def _body_splits(
    path: str, form: Form, body: Body, pieces: _Pieces, start: int, end: int
) -> list[Split]:
    split = Split(path, absolute(path), form, start, end, 0, body.rows, body.head)
    if body.head.malformed:
        return [split]
    return [
        replace(split, start=offset, first_row=row, rows=rows) for offset, row, rows in pieces.found
    ]


def _can_be_row(text: bytes, closely: bool) -> bool:
    if not closely:
        return text.lstrip().startswith(b"{") and text.rstrip().endswith(b"}")
    try:
        parse_row(text)
    except RejectedError:
        return False
    return True
