"""Files of rejected rows, in the form in which they came."""

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.records import FilePiece, RowRef
from transforms.inputs.streams import DAMAGE, open_lines

_PARTIAL = ".partial"
_STEM_BYTES = 80
# Of one worker, whatever the number of its sources.
_OPEN_TABLES = 8
_BUFFER_ROWS = 64
_BUFFER_BYTES = 16 << 20
_PIECE_BYTES = 1 << 20
# Line ends between tokens; within strings JSON has none.
_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


class RejectedFiles:
    """The files of one worker: JSONL of person rows, JSONL of bodies, a Parquet file a source."""

    def __init__(self, folder: Path) -> None:
        """folder: where they appear once they are whole."""
        self._folder, self._token = folder, uuid.uuid4().hex[:12]
        self._lines: dict[str, BinaryIO] = {}
        self._tables: dict[str, _Table] = {}  # the one that was used last is last
        self._tables_made = 0

    def add(self, ref: RowRef) -> bool:
        """Writes the row that `ref.raw` holds; False where it has none, or can be read no more."""
        if isinstance(ref.raw, pa.RecordBatch):
            self._table(ref.source, ref.raw.schema).add(ref.raw)
            if sum(table.bytes for table in self._tables.values()) >= _BUFFER_BYTES:
                for table in self._tables.values():
                    table.flush()
        elif isinstance(ref.raw, FilePiece):
            return _copy(ref.raw, self._file(ref))
        elif ref.raw is not None:
            self._file(ref).write(ref.raw.translate(_ONE_LINE) + b"\n")
        return ref.raw is not None

    def close(self) -> None:
        """Makes the files whole."""
        for table in self._tables.values():
            table.close()
        for file in self._lines.values():
            file.close()
        for partial in self._folder.glob(f"*-{self._token}.*{_PARTIAL}"):
            partial.rename(partial.with_name(partial.name.removesuffix(_PARTIAL)))

    def _file(self, ref: RowRef) -> BinaryIO:
        kind = "rows" if ref.request is None else "bodies"
        if kind not in self._lines:
            self._lines[kind] = self._path(kind, ".jsonl").open("wb")
        return self._lines[kind]

    def _table(self, source: str, schema: pa.Schema) -> "_Table":
        table = self._tables.pop(source, None)
        if table is None:
            if len(self._tables) == _OPEN_TABLES:
                self._tables.pop(next(iter(self._tables))).close()
            digest = hashlib.sha256(source.encode()).hexdigest()[:8]  # names alone may be alike
            stem = Path(source).stem.encode()[:_STEM_BYTES].decode(errors="ignore")
            self._tables_made += 1
            name = f"rows-{stem}-{digest}-{self._tables_made}"  # a stem may begin with _, or .
            table = _Table(self._path(name, ".parquet"), schema)
        self._tables[source] = table
        return table

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / f"{name}-{self._token}{suffix}{_PARTIAL}"


def _copy(piece: FilePiece, file: BinaryIO) -> bool:
    """Writes the row as one line, or nothing, and gives False, where it can no longer be read."""
    began = file.tell()
    file.write(piece.before.translate(_ONE_LINE))
    try:
        for read in _parts(piece):
            file.write(read.translate(_ONE_LINE))
    except _UnreadableError:
        file.seek(began)
        file.truncate()
        return False
    file.write(piece.after + b"\n")
    return True


class _UnreadableError(Exception):
    """What the input raised: no error of the file that is written."""


def _parts(piece: FilePiece) -> Iterator[bytes]:
    left = float("inf") if piece.size < 0 else piece.size
    try:
        with open_lines(piece.path, piece.start) as stream:
            while left > 0 and (read := stream.read(int(min(left, _PIECE_BYTES)))):
                yield read
                left -= len(read)
        if 0 < left < float("inf"):
            raise EOFError("the input became shorter")
    except DAMAGE as error:
        raise _UnreadableError from error


class _Table:
    """A Parquet file that grows by row groups of some rows. bytes: what waits to be written."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema)
        self._rows: list[pa.RecordBatch] = []
        self.bytes = 0

    def add(self, row: pa.RecordBatch) -> None:
        self._rows.append(_copied(row))
        self.bytes += self._rows[-1].nbytes
        if len(self._rows) >= _BUFFER_ROWS:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_batches(self._rows).combine_chunks())
        self._rows, self.bytes = [], 0

    def close(self) -> None:
        self.flush()
        self._writer.close()


def _copied(row: pa.RecordBatch) -> pa.RecordBatch:
    """Gives the row alone: a slice holds all of the batch that it is of."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, row.schema) as stream:
        stream.write_batch(row)
    return pa.ipc.open_stream(sink.getvalue()).read_next_batch()
