"""A small real payload, from photos that insightface and scikit-image ship."""

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pipelines.whole_files import written_whole
from schemas.errors import UsageError
from schemas.inputs import FACE_BASE_64, METADATA, PERSON_ID, PERSON_NAME
from transforms.package_files import package_folder

_GROUP = ("insightface", "data/images/t1.jpg")
_PORTRAIT = ("insightface", "data/images/Tom_Hanks_54745.png")
_ASTRONAUT = ("skimage", "data/astronaut.png")
_CAMERAMAN = ("skimage", "data/camera.png")
_COFFEE = ("skimage", "data/coffee.png")
_CAT = ("skimage", "data/chelsea.png")
_ANIMATION = ("skimage", "data/no_time_for_that_tiny.gif")

# Each face of the group photo with its surroundings: left, top, right, bottom in pixels.
_GROUP_CROPS = (
    (0, 200, 230, 470),
    (210, 80, 430, 340),
    (400, 190, 640, 490),
    (690, 280, 905, 540),
    (840, 0, 1065, 270),
    (1070, 210, 1280, 470),
)

_SCHEMA = pa.schema(
    [
        (PERSON_ID, pa.string()),
        (PERSON_NAME, pa.string()),
        (FACE_BASE_64, pa.string()),
        (METADATA, pa.map_(pa.string(), pa.string())),
    ]
)


def write_sample(folder: Path) -> list[Path]:
    """Writes `persons.parquet` and `persons.jsonl`; gives their paths.

    Raises UsageError where one exists or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    parquet, lines = folder / "persons.parquet", folder / "persons.jsonl"
    with written_whole(parquet) as of_parquet, written_whole(lines) as of_lines:
        pq.write_table(pa.Table.from_pylist(_parquet_rows(), _SCHEMA), of_parquet)
        of_lines.writelines(f"{line}\n".encode() for line in _json_lines())
    return [parquet, lines]


def _parquet_rows() -> list[dict[str, Any]]:
    """Eight people who can be enrolled, and six rows that cannot, each for its own reason."""
    group = _photo(_GROUP)
    good = [*(_crop(group, each) for each in _GROUP_CROPS), _photo(_ASTRONAUT), _photo(_PORTRAIT)]
    rows = [_row(f"P{n:03}", f"Person {n}", each) for n, each in enumerate(good, 1)]
    return [
        *rows,
        _row("P009", "Six at once", group),
        _row("P010", "No face at all", _photo(_COFFEE)),
        _row("P011", "A format we do not take", _photo(_ANIMATION)),
        _row("P012", "Cut short", _photo(_CAT)[:20_000]),
        _row("P013", "Not an image", b"just some text"),
        {**_row("P014", "Not Base64", b""), FACE_BASE_64: "&&&&"},
    ]


def _json_lines() -> list[str]:
    """One person who can be enrolled, and three lines that cannot."""
    cameraman = _row("P015", "Person 15", _photo(_CAMERAMAN))
    nameless = {key: value for key, value in cameraman.items() if key != PERSON_NAME}
    nested = {**cameraman, METADATA: {"address": {"city": "Basel"}}}
    return [
        json.dumps(cameraman),
        json.dumps({**nameless, PERSON_ID: "P016"}),
        json.dumps({**nested, PERSON_ID: "P017"}),
        '{"person_id": "P018", "person_name": ',
    ]


def _row(person_id: str, name: str, image: bytes) -> dict[str, Any]:
    metadata: Mapping[str, str] = {"source": "muster sample"}
    face = base64.b64encode(image).decode()
    return {PERSON_ID: person_id, PERSON_NAME: name, METADATA: metadata, FACE_BASE_64: face}


def _crop(photo: bytes, box: tuple[int, int, int, int]) -> bytes:
    cut = io.BytesIO()
    with Image.open(io.BytesIO(photo)) as image:
        image.crop(box).save(cut, "JPEG", quality=95)
    return cut.getvalue()


def _photo(place: tuple[str, str]) -> bytes:
    package, path = place
    folder = package_folder(package)
    if folder is None:
        raise UsageError(f"the photos of package {package!r} are needed: pip install {package}")
    return (folder / path).read_bytes()
