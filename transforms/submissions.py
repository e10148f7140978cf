"""Checks a row field by field: Row -> Submission."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from schemas.errors import Code, Detail, RejectedError
from schemas.ids import is_person_id
from schemas.inputs import (
    FACE,
    FACE_BASE_64,
    FACE_URI,
    METADATA,
    PARQUET_FACES,
    PERSON_ID,
    PERSON_NAME,
)
from schemas.options import FaceStorageType, Rules
from schemas.records import Person, Row, Submission
from transforms.base64_images import decode_base64
from transforms.face_files import FaceFiles
from transforms.person_metadata import is_text, parse_metadata

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True)


def submit(row: Row, rules: Rules, files: FaceFiles) -> Submission:
    """Gives the person and the encoded image, or raises RejectedError with what is wrong."""
    if row.fault is not None:
        raise RejectedError(row.fault.code, row.fault.detail)
    fields, storage = row.fields, row.face_storage_type
    person_id, name = fields.get(PERSON_ID), fields.get(PERSON_NAME)
    if not is_person_id(person_id):
        raise RejectedError(Code.UNPROCESSABLE_CONTENT, PERSON_ID)
    if not isinstance(name, str) or not is_text(name):
        raise RejectedError(Code.UNPROCESSABLE_CONTENT, PERSON_NAME)
    metadata = parse_metadata(fields.get(METADATA))
    encoded = _encoded_image(row, rules.max_image_bytes, files)
    person = Person(
        ref=row.ref,
        person_id=person_id,
        person_name=name,
        metadata=metadata,
        face_storage_type=storage,
        record_digest=record_digest(name, metadata, storage),
        face_digest=hashlib.sha256(encoded).hexdigest(),
    )
    return Submission(person, encoded)


def record_digest(name: str, metadata: Mapping[str, str], storage: FaceStorageType) -> str:
    """Gives the SHA-256 of all that is stored of a person beside the face."""
    text = _ENCODER.encode([name, metadata, storage])
    return hashlib.sha256(text.encode()).hexdigest()


def _encoded_image(row: Row, max_bytes: int, files: FaceFiles) -> bytes:
    fields: Mapping[str, Any] = row.fields
    present = [each for each in PARQUET_FACES if fields.get(each) is not None]
    if len(present) != 1:  # none, or a second one that may be of somebody else
        raise RejectedError(Code.UNPROCESSABLE_CONTENT, present[1] if present else FACE_BASE_64)
    field = present[0]
    match field, fields[field]:
        case (name, str(text)) if name == FACE_BASE_64:
            encoded = decode_base64(text, max_bytes)
        case (name, str(uri)) if name == FACE_URI:
            encoded = files.read(uri, row.folder, max_bytes)
        case (name, bytes(content)) if name == FACE:
            encoded = content
        case _:
            raise RejectedError(Code.UNPROCESSABLE_CONTENT, field)
    if not encoded:
        raise RejectedError(Code.INVALID_IMAGE, Detail.NOT_AN_IMAGE)
    if len(encoded) > max_bytes:
        raise RejectedError(Code.INVALID_IMAGE, Detail.TOO_MANY_BYTES)
    return encoded
