"""What is stored of a person, and what of it tells that nothing changed."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from schemas.ids import point_id
from schemas.options import FaceStorageType, Rules
from schemas.records import EmbeddedFace, Face, Person, Vector
from transforms.faces.base import Pack
from transforms.stores.base import Point

# Looked up before any image is decoded; a person is unchanged where the first four are equal.
LOOK_UP_FIELDS = ("face_digest", "record_digest", "rules_digest", "pack", "detection_score")

_IMAGE_FIELDS = {FaceStorageType.THUMBNAILS: "thumbnail", FaceStorageType.FULL_IMAGE: "image"}
_OVERHEAD_BYTES = 2_000  # digests, box, names of fields
_VALUE_BYTES = 22  # of a float32 as JSON's float64, at most


class BadVectorError(Exception):
    """A recogniser gave what must not be stored."""


def run_marks(rules: Rules, pack: Pack) -> dict[str, Any]:
    """Gives what all points of a run carry alike: made once a stage, for it is hashed."""
    stamp = pack.stamp
    mark = {"name": stamp.pack, "digest": stamp.digest, "precision": pack.precision}
    return {"rules_digest": rules.digest, "pack": mark}


def is_unchanged(stored: Mapping[str, Any], person: Person, marks: Mapping[str, Any]) -> bool:
    """True where the stored point came from the same face, data, rules and pack."""
    expected = {
        "face_digest": person.face_digest,
        "record_digest": person.record_digest,
        **marks,
    }
    return all(stored.get(field) == value for field, value in expected.items())


def to_points(faces: Iterable[EmbeddedFace], marks: Mapping[str, Any]) -> list[Point]:
    """Gives the whole points. They are written together, and carry one time."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    marks = {**marks, "updated_at": now}
    return [_to_point(each, marks) for each in faces]


def _to_point(embedded: EmbeddedFace, marks: Mapping[str, Any]) -> Point:
    person, face = embedded.person, embedded.face
    payload: dict[str, Any] = {
        "person_id": person.person_id,
        "person_name": person.person_name,
        "metadata": dict(person.metadata),
        "face_storage_type": str(person.face_storage_type),
        "face_digest": person.face_digest,
        "record_digest": person.record_digest,
        **marks,
        "box": [round(each, 2) for each in face.box],
        "detection_score": score_of(face),
    }
    if field := _IMAGE_FIELDS.get(person.face_storage_type):
        payload[field] = base64.b64encode(embedded.kept).decode()
    vector_name = marks["pack"]["name"]
    return Point(point_id(person.person_id), vector_name, embedded.vector, payload)


def score_of(face: Face) -> float:
    """Gives the score as it is stored.

    Records tell that one, so that the person's next record, made of what is stored, tells the same:
    rounding twice is not rounding once.
    """
    return round(face.score, 6)


def check_vectors(vectors: Sequence[Vector], dimension: int) -> None:
    """Raises BadVectorError where one is not (dimension,) of length 1.

    A store would take NaN and be spoiled by it. NaN is neither more nor less than anything.
    """
    if any(each.shape != (dimension,) for each in vectors):
        raise BadVectorError("of another shape")
    if not np.all(np.abs(np.linalg.norm(np.stack(vectors), axis=1) - 1.0) <= 1e-3):
        raise BadVectorError("not of length 1, or not finite")


def request_bytes(embedded: EmbeddedFace) -> int:
    """Gives about what the point takes in a request."""
    return (
        len(embedded.kept) * 4 // 3
        + 4 * embedded.person.text_length
        + _OVERHEAD_BYTES
        + _VALUE_BYTES * embedded.vector.size
    )
