"""Cuts a stream into lines of bounded length."""

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"
_PIECE_BYTES = 1 << 20
_JSON_SPACE = b" \t\r\n"


class LongLine:
    """A line that is not held: a stream that ends where the line does."""

    def __init__(self, begun: bytes, stream: io.BufferedIOBase, left: int = sys.maxsize) -> None:
        """begun: what was read of it. left: bytes behind that which are to be read at most."""
        self._begun, self._stream, self._left = io.BytesIO(begun), stream, left
        self._ended = False
        self.bytes_read = 0

    def read(self, size: int) -> bytes:
        """Gives at most `size` bytes of what is left, b"" at the line's end."""
        piece = self._begun.read(size)
        if not piece and not self._ended:
            piece = self._stream.readline(min(size, self._left))
            self._left -= len(piece)
        self._ended = self._ended or not piece or piece.endswith(b"\n")
        self.bytes_read += len(piece)
        return piece


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, from byte `offset`. content: as it stands, newline included.

    A line that is longer than allowed has a `long` in its place, to be read before the next line.
    """

    offset: int
    content: bytes | None
    long: LongLine | None = None

    @property
    def text(self) -> bytes | None:
        """The content without the byte order mark that may stand at a file's beginning."""
        if self.content is None or self.offset > 0:
            return self.content
        return self.content.removeprefix(_BOM)

    def pass_over(self) -> int:
        """Gives the byte after the line, reading what is left of a long one."""
        if self.long is None:
            return self.offset + len(self.content or b"")
        while self.long.read(_PIECE_BYTES):
            pass
        return self.offset + self.long.bytes_read

    @property
    def is_blank(self) -> bool:
        """True for a line of white space: it is no row, but it has a number."""
        text = self.text
        return text is not None and not text.lstrip(_JSON_SPACE)  # copies no line, unlike `strip`


def iter_lines(
    stream: io.BufferedIOBase, max_bytes: int, offset: int = 0, end: int = sys.maxsize
) -> Iterator[Line]:
    """Gives every physical line, blank ones too. No more than `max_bytes` of a line are held.

    offset, end: the bytes of the file from and up to which they are read.
    """
    at_once = min(max_bytes + 1, sys.maxsize)
    while content := stream.readline(min(at_once, end - offset)):
        if len(content) > max_bytes and not content.endswith(b"\n"):
            line = Line(offset, None, LongLine(content, stream, end - offset - len(content)))
        else:
            line = Line(offset, content)
        yield line
        offset = line.pass_over()
