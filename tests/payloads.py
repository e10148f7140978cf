"""Payload files of real photos that installed packages ship."""

import base64
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq

from pipelines.sample import write_sample


@cache
def _sample() -> tuple[bytes, ...]:
    with TemporaryDirectory() as folder:
        [parquet, _] = write_sample(Path(folder))
        texts = pq.read_table(parquet)["face_base_64"].to_pylist()
    return tuple(base64.b64decode(each) for each in texts[:9])


def portraits() -> tuple[bytes, ...]:
    """Gives eight photos of one person each."""
    return _sample()[:8]


def group_photo() -> bytes:
    """Gives one photo of six persons."""
    return _sample()[8]


def row(person_id: str, image: bytes, /, **fields: Any) -> dict[str, Any]:
    """Gives a good row, with overrides; a field of None is left out."""
    good = {
        "person_id": person_id,
        "person_name": f"Name of {person_id}",
        "metadata": {"team": "blue"},
        "face_base_64": base64.b64encode(image).decode(),
    }
    return {key: value for key, value in (good | fields).items() if value is not None}


def people(number: int) -> list[dict[str, Any]]:
    """Gives good rows of real photos, in turn."""
    photos = portraits()
    return [row(f"id-{n:04}", photos[n % len(photos)]) for n in range(number)]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any] | bytes]) -> Path:
    """Writes JSONL; bytes are written as they are."""
    lines = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in rows]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def body(
    persons: Any, /, collection: Any = "people", storage: Any = "NoStorage", **fields: Any
) -> dict[str, Any]:
    """Gives a `PUT /persons` body; a field of None is left out."""
    good = {"collection_name": collection, "face_storage_type": storage, "persons": persons}
    return {key: value for key, value in (good | fields).items() if value is not None}


def write_json(path: Path, value: Any) -> Path:
    """Writes one JSON text; bytes are written as they are."""
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path
