"""Opens inputs on any filesystem that Beam knows, decompressing in bounded pieces.

Beam's own decompression ends silently at a truncated gzip or zstd, and has no limit: files are
opened as they are, and an end without the stream's end marker is damage (`DAMAGE`).
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from backports import zstd
from isal import igzip

BUFFER_BYTES = 1 << 20
_GZIP_BUFFER_BYTES = 1 << 18  # stays in a core's cache
_ZSTD_WINDOW_LOG_MAX = 27  # 128 MB: what a decompressor may be made to hold

# What readers raise where a file is cut, its bytes were changed, or a place gives no more of them.
DAMAGE = (EOFError, OSError, zlib.error, zstd.ZstdError, pa.ArrowException)


@contextmanager
def open_raw(path: str) -> Iterator[BinaryIO]:
    """Opens the file's own bytes, seekable. Raises OSError, whatever the place is."""
    if "://" not in path:
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            yield file
        return
    with _as_os_errors():
        file = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    with file, io.BufferedReader(_Elsewhere(file), BUFFER_BYTES) as reader:
        yield reader


@contextmanager
def open_lines(path: str, start: int = 0) -> Iterator[io.BufferedIOBase]:
    """Opens a JSONL or JSON file, decompressed by its suffix, at a byte of the decompressed text.

    Python's decompressors buffer for themselves: one more buffer would ask for more than there is
    before it gives what it has, and lose the rows that stand before the damage.
    """
    with open_raw(path) as raw:
        if path.endswith(".gz"):
            if not raw.read(1):  # it would be taken for a stream that ended
                raise EOFError("no gzip stream")
            raw.seek(0)
            yield _skipped(io.BufferedReader(_Gzip(raw), _GZIP_BUFFER_BYTES), start)
        elif path.endswith(".zst"):
            limit = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG_MAX}
            yield _skipped(zstd.ZstdFile(raw, options=limit), start)
        else:
            raw.seek(start)
            yield io.BufferedReader(cast(io.RawIOBase, raw), BUFFER_BYTES)


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """S3, Google, Azure and HDFS each raise errors of their own; the cause is kept."""
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


class _Elsewhere(io.RawIOBase):
    """A file of Beam's, seekable."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Gives how many bytes were read."""
        with _as_os_errors():
            read = self._file.read(len(buffer))
        buffer[: len(read)] = read
        return len(read)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Gives the new place."""
        with _as_os_errors():
            self._file.seek(offset, whence)
            return int(self._file.tell())


class _Gzip(io.RawIOBase):
    """What a gzip holds, decompressed by isal in half the time.

    Where it meets damage, isal loses what stands before it in the same piece: from there on
    Python's own reads.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self._given = raw, 0
        self._stream: io.BufferedIOBase = igzip.IGzipFile(fileobj=raw)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            given = self._stream.readinto1(buffer)
        except Exception:  # whatever it is, Python's own names it
            if not isinstance(self._stream, igzip.IGzipFile):
                raise
            self._raw.seek(0)
            self._stream = _skipped(gzip.GzipFile(fileobj=self._raw), self._given)
            given = self._stream.readinto1(buffer)
        self._given += given
        return given


def _skipped(stream: io.BufferedIOBase, size: int) -> io.BufferedIOBase:
    """Passes over the first bytes: a compressed stream can only be read from its beginning."""
    while size > 0 and (piece := stream.read(min(size, BUFFER_BYTES))):
        size -= len(piece)
    return stream


def is_compressed(path: str) -> bool:
    """True for a file that can only be read from its beginning."""
    return path.endswith((".gz", ".zst"))
