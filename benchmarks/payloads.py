"""Payloads of any size, in every input form, of one photo under new ids."""

import base64
import gzip
import io
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.payloads import portraits

COLLECTION = "benchmark"
PARQUET_SCHEMA = pa.schema(
    [
        ("person_id", pa.string()),
        ("person_name", pa.string()),
        ("metadata", pa.map_(pa.string(), pa.string())),
        ("face_base_64", pa.string()),
    ]
)


def small_photo() -> bytes:
    """Gives a JPEG of one person, 250x250, 14 KB."""
    return _cropped(250)


def tiny_photo() -> bytes:
    """Gives a JPEG of 16x16: a valid image that costs as little as one can."""
    return _cropped(16)


def photos_of(payload: Path | None) -> list[bytes]:
    """Gives the images of a Parquet file of `face_base_64`; without one, the small photo."""
    if payload is None:
        return [small_photo()]
    texts = pq.read_table(payload, columns=["face_base_64"])["face_base_64"].to_pylist()
    return [base64.b64decode(each) for each in texts]


def _cropped(side: int) -> bytes:
    small = io.BytesIO()
    with Image.open(io.BytesIO(portraits()[6])) as image:
        image.convert("RGB").crop((98, 0, 98 + side, side)).save(small, "JPEG", quality=85)
    return small.getvalue()


def people(rows: int, photos: Sequence[bytes], tail_bytes: int = 8) -> Iterator[dict[str, Any]]:
    """Gives persons of these photos, each with bytes at its end that cannot be compressed."""
    for n in range(rows):
        photo = photos[n % len(photos)] + random.Random(n).randbytes(tail_bytes)
        face = base64.b64encode(photo).decode()
        metadata = {"department": f"D{n % 40}", "badge": f"{n:08}"}
        yield {
            "person_id": f"id-{n}",
            "person_name": f"Name {n}",
            "metadata": metadata,
            "face_base_64": face,
        }


def write_payload(
    path: Path, persons: Iterable[Mapping[str, Any]], rows_a_group: int = 128, **options: Any
) -> None:
    """Writes a Parquet file, one body (.json), or lines of JSON, which .gz compresses.

    options: of `pyarrow.parquet.ParquetWriter`.
    """
    if path.suffix == ".parquet":
        _write_parquet(path, iter(persons), rows_a_group, options)
    elif path.suffix == ".json":
        with path.open("w") as file:
            file.write(f'{{"collection_name": "{COLLECTION}", "face_storage_type": "NoStorage", ')
            file.write('"persons": [')
            file.writelines(", " * (n > 0) + json.dumps(each) for n, each in enumerate(persons))
            file.write("]}")
    else:
        with gzip.open(path, "wt", 1) if path.suffix == ".gz" else path.open("w") as file:
            file.writelines(json.dumps(each) + "\n" for each in persons)


def _write_parquet(
    path: Path, persons: Iterator[Mapping[str, Any]], rows_a_group: int, options: dict[str, Any]
) -> None:
    with pq.ParquetWriter(path, PARQUET_SCHEMA, **options) as writer:
        while group := list(_batches(islice(persons, rows_a_group))):
            writer.write_table(pa.Table.from_batches(group), row_group_size=rows_a_group)


def _batches(persons: Iterator[Mapping[str, Any]]) -> Iterator[pa.RecordBatch]:
    """Gives the rows in record batches: as dicts, millions would take gigabytes."""
    while some := list(islice(persons, 1000)):
        yield pa.RecordBatch.from_pylist(some, PARQUET_SCHEMA)
