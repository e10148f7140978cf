"""The payload that soak programs enroll: real photos, and rows that are rejected."""

import base64
import random
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.builders import write_parquet
from tests.payloads import people

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "lfw_sample.parquet"
_NO_IMAGE = base64.b64encode(b"no image").decode()


@dataclass(frozen=True)
class Payload:
    """A file. good: the ids that get into the store; bad: the others."""

    path: Path
    good: tuple[str, ...]
    bad: tuple[str, ...]


def write_payload(path: Path, photos: int, seed: int) -> Payload:
    """Writes some of the developers' photos where they are there, else portraits, in turn.

    Four rows of no image follow, and one whose id another row has.
    """
    rows = pq.read_table(SAMPLE).to_pylist() if SAMPLE.is_file() else people(photos)
    rows = random.Random(seed).sample(rows, min(photos, len(rows)))
    good = [each["person_id"] for each in rows]
    bad = [f"bad-{number}" for number in range(4)]
    rows += [rows[0] | {"person_id": each, "face_base_64": _NO_IMAGE} for each in bad]
    rows += [rows[0]]
    schema = pq.read_schema(SAMPLE) if SAMPLE.is_file() else None
    write_parquet(path, pa.Table.from_pylist(rows, schema))
    return Payload(path, tuple(good), tuple(bad))
