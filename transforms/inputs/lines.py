"""Cuts a stream into lines of bounded length."""

import io
from collections.abc import Iterator
from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_SKIP_BYTES = 1 << 20


class Line(NamedTuple):
    """A line of a file. content is None where it is longer than allowed."""

    offset: int
    size: int
    content: bytes | None


def iter_lines(stream: io.BufferedIOBase, max_bytes: int, offset: int = 0) -> Iterator[Line]:
    """Gives every physical line, blank ones too; a UTF-8 byte order mark at 0 is dropped.

    No more than `max_bytes` of a line are held.
    """
    while content := stream.readline(max_bytes + 1):
        size = len(content)
        if size > max_bytes and not content.endswith(b"\n"):
            size += _skip_line(stream)
            yield Line(offset, size, None)
        else:
            yield Line(offset, size, content.removeprefix(_BOM) if offset == 0 else content)
        offset += size


def _skip_line(stream: io.BufferedIOBase) -> int:
    skipped = 0
    while piece := stream.readline(_SKIP_BYTES):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def is_blank(line: Line) -> bool:
    """True for a line of white space: it is no row, but it has a number."""
    return line.content is not None and not line.content.strip()
