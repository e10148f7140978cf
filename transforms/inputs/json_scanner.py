"""Walks over a JSON text in a stream, holding no more of it than is asked for.

It finds where values begin and end, and leaves it to the strict parser to say whether what lies
between is lawful. Depth is counted, not recursed into.
"""

import re
from collections.abc import Callable
from typing import NamedTuple, Protocol

from schemas.errors import Code, Detail, RejectedError
from transforms.inputs.json_rows import MAX_DEPTH

_PIECE_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"

_SPACE = re.compile(rb"[ \t\r\n]*+")
_SCALAR = re.compile(rb"[^ \t\r\n,:\[\]{}\"]*+")
# Neither a bracket nor a long string: small values are passed over together.
_PLAIN = re.compile(rb'(?:[^"\[\]{}]++|"[^"\\]{0,64}+")*+')
_BRACKETS_OR_STRING = re.compile(rb'"|[\[{]++|[\]}]++')
_STRING_REST = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


class Readable(Protocol):
    """Anything with bytes to read."""

    def read(self, size: int, /) -> bytes: ...


class Value(NamedTuple):
    """A value of the text. content is None where it is longer than was to be held."""

    offset: int
    size: int
    content: bytes | None
    depth: int


class JsonScanner:
    """One pass over a stream. All methods raise RejectedError(UNPROCESSABLE_CONTENT)."""

    def __init__(self, read: Callable[[int], bytes], offset: int = 0) -> None:
        """read: gives at most so many of the text's next bytes, b"" at its end."""
        self._read = read
        self._buffer = b""
        self._before = offset  # bytes of the stream before the buffer
        self._at = 0
        self._start = 0  # of what the buffer has of the present value
        self._hold = 0
        self._held: list[bytes] | None = None

    def skip_byte_order_mark(self) -> None:
        """Passes over a UTF-8 byte order mark."""
        while len(self._buffer) < len(_BOM) and self._more():
            pass
        if self._buffer.startswith(_BOM):
            self._at = len(_BOM)

    def peek(self) -> bytes:
        """Gives the next byte that is not white space, or b"" at the end."""
        while True:
            match = _SPACE.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at : self._at + 1]
            if not self._more():
                return b""

    def take(self, expected: bytes) -> bytes:
        """Passes over the next byte, which must be one of `expected`, and gives it."""
        byte = self.peek()
        if not byte or byte not in expected:
            raise _broken()
        self._at += 1
        return byte

    def value(self, hold: int) -> Value:
        """Passes over the next value; holds at most `hold` bytes of it."""
        first = self.peek()
        self._start, self._hold, self._held = self._at, hold, []
        offset = self._before + self._at
        depth = 0
        if first == b'"':
            self._pass_string()
        elif first in (b"{", b"["):
            depth = self._pass_container()
        else:
            self._pass_scalar()
        self._hold_on()
        content = None if self._held is None else b"".join(self._held)
        self._held = None
        return Value(offset, self._before + self._at - offset, content, depth)

    def _pass_string(self) -> None:
        self._at += 1
        while True:
            quote = self._buffer.find(b'"', self._at)
            end = len(self._buffer) if quote < 0 else quote
            # Most strings have no escape, and finding is ten times as fast as matching.
            if self._buffer.find(b"\\", self._at, end) >= 0:
                match = _STRING_REST.match(self._buffer, self._at)
                end = match.end() if match else self._at
            self._at = end
            if self._buffer[end : end + 1] == b'"':
                self._at += 1
                return
            if not self._more():
                raise _broken()

    def _pass_container(self) -> int:
        """Gives how deep it nests."""
        depth = deepest = 0
        while True:
            plain = _PLAIN.match(self._buffer, self._at)
            self._at = plain.end() if plain else self._at
            match = _BRACKETS_OR_STRING.match(self._buffer, self._at)
            if match is None:
                if not self._more():
                    raise _too_deep() if deepest > MAX_DEPTH else _broken()
                continue
            run = match.end() - match.start()
            kind = self._buffer[match.start()]
            if kind == ord('"'):
                self._pass_string()
            elif kind in b"[{":
                self._at += run
                depth += run
                deepest = max(deepest, depth)
            else:
                self._at += min(run, depth)
                depth -= min(run, depth)
                if depth == 0:
                    return deepest

    def _pass_scalar(self) -> None:
        began = self._at + self._before
        while True:
            match = _SCALAR.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer) or not self._more():
                break
        if self._at + self._before == began:
            raise _broken()

    def _more(self) -> bool:
        """Reads on; what has been passed over and is not held is let go."""
        self._hold_on()
        piece = self._read(_PIECE_BYTES)
        self._before += self._at
        self._buffer = self._buffer[self._at :] + piece
        self._at = self._start = 0
        return bool(piece)

    def _hold_on(self) -> None:
        """Keeps what the buffer has of the present value, unless that is too long by now."""
        if self._held is None:
            return
        self._held.append(self._buffer[self._start : self._at])
        self._hold -= self._at - self._start
        self._start = self._at
        if self._hold < 0:
            self._held = None


def _broken() -> RejectedError:
    return RejectedError(Code.UNPROCESSABLE_CONTENT, Detail.NOT_JSON)


def _too_deep() -> RejectedError:
    return RejectedError(Code.UNPROCESSABLE_CONTENT, Detail.TOO_DEEP)
