"""Builders with defaults: a test names only what it is about."""

import gzip
import io
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from backports import zstd
from PIL import Image

from schemas.errors import Fault
from schemas.options import FaceStorageType
from schemas.records import Person, Row, RowRef, UInt8Image
from transforms.batches import BatchStage

# What makes a JSONL file of each suffix.
COMPRESS = {".jsonl": bytes, ".jsonl.gz": gzip.compress, ".jsonl.zst": zstd.compress}

EXIF_ORIENTATION = 0x0112
# How the stored pixels are made from the upright ones, by orientation.
STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def make_pixels(width: int = 64, height: int = 48, seed: int = 0) -> UInt8Image:
    """Gives (height, width, 3) uint8: four quarters of different colours under some noise."""
    colours = np.array([[[230, 30, 30], [30, 230, 30]], [[30, 30, 230], [230, 230, 230]]])
    rows, columns = np.arange(height) * 2 // height, np.arange(width) * 2 // width
    noise = np.random.default_rng(seed).integers(-20, 21, (height, width, 3))
    return np.asarray(colours[rows[:, None], columns] + noise, dtype=np.uint8)


def make_image(
    width: int = 64,
    height: int = 48,
    fmt: str = "JPEG",
    *,
    mode: str = "RGB",
    orientation: int = 1,
    seed: int = 0,
    **saving: Any,
) -> bytes:
    """Gives an encoded image. width, height: upright. saving: options of Pillow's `save`."""
    image = Image.fromarray(make_pixels(width, height, seed))
    if orientation in STORED_AS:
        image = image.transpose(STORED_AS[orientation])
    if orientation != 1:
        saving["exif"] = Image.Exif()
        saving["exif"][EXIF_ORIENTATION] = orientation
    file = io.BytesIO()
    image.convert(mode).save(file, fmt, **saving)
    return file.getvalue()


make_jpeg = partial(make_image, fmt="JPEG")


def make_ref(
    source: str = "people.jsonl", row: int | None = 0, collection: str = "staff"
) -> RowRef:
    """Gives the identity of a row."""
    return RowRef(source, row, collection)


def make_row(
    ref: RowRef | None = None,
    storage: FaceStorageType = FaceStorageType.NO_STORAGE,
    fault: Fault | None = None,
    folder: str = "",
    size: int = 0,
    **fields: object,
) -> Row:
    """Gives a good row but for its face; `fields` come on top."""
    good = {"person_id": "JD1", "person_name": "Jane Doe", "metadata": {"team": "blue"}}
    return Row(ref or make_ref(), good | fields, storage, folder, fault, size)


def make_person(**fields: Any) -> Person:
    """Gives a checked person, with overrides."""
    good = {
        "ref": make_ref(),
        "person_id": "JD1",
        "person_name": "Jane Doe",
        "metadata": {"team": "blue"},
        "face_storage_type": FaceStorageType.NO_STORAGE,
        "record_digest": "1" * 64,
        "face_digest": "2" * 64,
    }
    return Person(**good | fields)


def write_parquet(
    path: Path, rows: Sequence[Mapping[str, Any]] | pa.Table, rows_a_group: int = 100
) -> str:
    """Writes the file and gives its path."""
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows))
    pq.write_table(table, path, row_group_size=rows_a_group)
    return str(path)


@cache
def real_photo(package: str, path: str) -> bytes:
    """Gives a photo that an installed package ships, without running the package."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / path).read_bytes()


def astronaut() -> bytes:
    """Gives a PNG of one person, 512x512."""
    return real_photo("skimage", "data/astronaut.png")


def six_persons() -> bytes:
    """Gives a JPEG of six persons, 1280x886."""
    return real_photo("insightface", "data/images/t1.jpg")


def through(stage: BatchStage, records: Sequence[Any]) -> list[Any]:
    """Gives what a stage makes of the records, as one bundle."""
    stage.start_bundle()
    advanced = [each for record in records for each in stage.process(record)]
    return advanced + [each.value for each in stage.finish_bundle()]
