"""What a Parquet file says of itself, held once a process, and checked before it is looked at.

pyarrow makes some kilobytes of each row group, and a worker that opens a split needs all of them:
readers of one file share what was made of its footer, for as long as any of them has it.
"""

import gc
import os
import resource
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, BinaryIO
from weakref import WeakValueDictionary

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import FailedError
from transforms.inputs.parquet_sizes import NestedText, mean_row_bytes, nested_texts
from transforms.inputs.streams import BUFFER_BYTES

# Reading ahead would hold a whole row group. INT96, as of Spark's timestamps, has nanoseconds of
# 1677 to 2262 only where it is not told otherwise, and Arrow makes of 9999 a year of those.
AS_WE_READ: Mapping[str, Any] = {"pre_buffer": False, "coerce_int96_timestamp_unit": "us"}

_END_BYTES = 8  # the footer's length and the magic number


@dataclass(frozen=True, eq=False)
class Footer:
    """What readers need to know. nested: see `nested_texts`."""

    metadata: pq.FileMetaData
    schema: pa.Schema
    nested: Sequence[NestedText]


# By the digest of its bytes: a file that was replaced under its name has another footer.
_FOOTERS: WeakValueDictionary[bytes, Footer] = WeakValueDictionary()
_MAKING = threading.Lock()


def read_footer(file: BinaryIO) -> Footer:
    """Gives the process's one footer of this content. Raises one of DAMAGE."""
    digest = _digest(file)
    with _MAKING:
        footer = _FOOTERS.get(digest)
        if footer is None:
            opened = pq.ParquetFile(file, **AS_WE_READ)
            footer = Footer(opened.metadata, opened.schema_arrow, nested_texts(opened))
            _FOOTERS[digest] = footer
        return footer


def check_footer(file: BinaryIO) -> None:
    """Raises ArrowInvalid where looking at each column of each row group ends a process.

    That is what an exception of C++ does, which pyarrow lets out of `RowGroupMetaData.column`.
    Raises FailedError where the system has no further process.
    """
    opened = pq.ParquetFile(file, **AS_WE_READ)
    child = _forked()
    if child == 0:
        # Models of an earlier job would wait for their threads, which the child does not have.
        gc.disable()
        try:
            _look(opened)
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise pa.ArrowInvalid("the footer is damaged")


def _forked() -> int:
    try:
        return os.fork()
    except OSError as error:  # no fault of the file
        raise FailedError(f"no process to look at a footer with: {error.strerror}") from error


def _digest(file: BinaryIO) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_BYTES))
    length = int.from_bytes(file.read(_END_BYTES)[:4], "little")
    file.seek(max(0, size - _END_BYTES - length))
    digest = blake2b()
    while piece := file.read(BUFFER_BYTES):
        digest.update(piece)
    return digest.digest()


def _look(file: pq.ParquetFile) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold what is private
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # where C++ says why it ends
    nested_texts(file)
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        mean_row_bytes(group, file.schema_arrow.names)
        for n in range(group.num_columns):
            column = group.column(n)
            _ = column.encodings, column.dictionary_page_offset, column.data_page_offset
