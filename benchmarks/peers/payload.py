"""The photos that all contestants get: one plain Parquet file, every row a person of its own."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_GROUP_ROWS = 128
_KEPT = ("person_name", "face_base_64")


def write_payload(source: Path, target: Path, photos: int) -> None:
    """Writes so many rows: those of the source again and again, under new ids."""
    rows = pq.read_table(source, columns=list(_KEPT))
    schema = pa.schema([("person_id", pa.string()), *((name, pa.string()) for name in _KEPT)])
    with pq.ParquetWriter(target, schema) as writer:
        for first in range(0, photos, _GROUP_ROWS):
            numbers = range(first, min(first + _GROUP_ROWS, photos))
            group = rows.take([n % rows.num_rows for n in numbers])
            ids = pa.array([f"peer-{n:07}" for n in numbers])
            writer.write_table(group.add_column(0, "person_id", ids).cast(schema))
