"""The standard streams: results go to stdout, as JSON in UTF-8, and all else to stderr."""

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from schemas.errors import FailedError
from schemas.json_lines import json_line

_STREAMS = (0, 1, 2)  # stdin, stdout, stderr, by number
# What a pipe takes whole once it takes anything, and how long it is waited for.
_PIECE_BYTES = 512
_PATIENCE_S = 5.0


class UnreadError(Exception):
    """Nobody reads stdout any more."""


def print_json(value: Any) -> None:
    """Prints one line on stdout. Raises UnreadError, and FailedError where it cannot be written."""
    try:
        click.echo(json_line(value).encode())
    except OSError as error:
        _lead_to_null(sys.stdout.fileno())  # it would be tried again, and fail, at the exit
        if isinstance(error, BrokenPipeError):
            raise UnreadError from error
        raise FailedError(f"stdout cannot be written: {error.strerror}") from error


@contextmanager
def stderr_that_may_fail() -> Iterator[None]:
    """For the block, has a stderr that is closed or full end nothing.

    What the process opened next would be written to in the place of a stream that is closed.
    """
    for each in _STREAMS:
        with suppress(OSError):
            os.fstat(each)
            continue
        _lead_to_null(each)
    before, file = sys.stderr, io.BufferedWriter(_Unheard(os.dup(2), "w"))
    encoding: str | None = getattr(before, "encoding", None)  # which is None where it was closed
    with io.TextIOWrapper(file, encoding, "backslashreplace", line_buffering=True) as sys.stderr:
        try:
            yield
        finally:
            sys.stderr = before


@contextmanager
def libraries_silenced() -> Iterator[None]:
    """Takes stderr, which we have another way to, from C libraries: they tell of broken images."""
    theirs = os.dup(2)
    try:
        _lead_to_null(2)
        yield
    finally:
        os.dup2(theirs, 2)
        os.close(theirs)


def say_at_once(text: str) -> None:
    """Says a line on stderr, if that takes it now: signals come within other writes of it."""
    with suppress(OSError, ValueError):
        if _takes_more(sys.stderr.fileno(), 0.0):
            os.write(sys.stderr.fileno(), f"{text}\n".encode())


class _Unheard(io.FileIO):
    """A file that may be closed at its other end, full, or stand still as a terminal at Ctrl-S."""

    _patience_s = _PATIENCE_S

    def write(self, content: Any) -> int:
        """Writes what can be written, and tells that all was."""
        view = memoryview(content)
        with suppress(OSError):
            for start in range(0, len(view), _PIECE_BYTES):
                if not _takes_more(self.fileno(), self._patience_s):
                    self._patience_s = 0.0  # until it moves again
                    break
                self._patience_s = _PATIENCE_S
                super().write(view[start : start + _PIECE_BYTES])
        return len(content)


def _takes_more(descriptor: int, wait_s: float) -> bool:
    waiting = select.poll()  # `select` takes no descriptor above 1,023
    waiting.register(descriptor, select.POLLOUT)
    return bool(waiting.poll(wait_s * 1000))


def _lead_to_null(stream: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != stream:
        os.dup2(null, stream)
        os.close(null)
