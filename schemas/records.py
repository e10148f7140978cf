"""The nouns that flow through an enrollment, one frozen record a stage.

    Row -> Submission -> Picture -> AlignedFace -> EmbeddedFace -> Outcome

Any stage can end a row early with an `Outcome`, which the later stages hand on untouched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import MESSAGES, Code, Fault
from schemas.ids import is_person_id, point_id
from schemas.options import FaceStorageType

UInt8Image = NDArray[np.uint8]
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FilePiece:
    """Bytes of the text of a JSON file that are too many to hold. size: -1 for all that follow.

    before, after: what stands around them where they are kept.
    """

    path: str
    start: int
    size: int
    before: bytes = b""
    after: bytes = b""


@dataclass(frozen=True, slots=True)
class RowRef:
    """Which row this is. Set once, by the reader; every record of the row carries it.

    raw: the row as it came, where rejected ones are kept: a JSONL line, where to find it, or a
    pyarrow.RecordBatch of one row.
    """

    source: str
    row: int | None  # 0-based, physical or within its body; None for damage, and a malformed body
    collection: str
    request: int | None = None  # the body's 0-based place in its file; None for a person row
    raw: Any = field(default=None, compare=False, repr=False)

    @property
    def is_damage(self) -> bool:
        """True where this stands for damage to the file, and so for no row of it."""
        return self.row is None and self.request is None


@dataclass(frozen=True, slots=True)
class Row:
    """What stands in the input: fields under our names, nothing checked yet.

    folder: that of the input file, from which a relative `face_uri` starts. size: about how many
    bytes the fields took there.
    """

    ref: RowRef
    fields: Mapping[str, object]
    face_storage_type: FaceStorageType
    folder: str = ""
    fault: Fault | None = None
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is enrolled: checked, and known by its digest."""

    ref: RowRef
    person_id: str
    person_name: str
    metadata: Mapping[str, str]
    face_storage_type: FaceStorageType
    record_digest: str
    face_digest: str
    replaces: bool = False  # the store already holds this person

    @property
    def text_length(self) -> int:
        """The number of characters of name and metadata, which have no limit of their own."""
        metadata = sum(len(key) + len(value) for key, value in self.metadata.items())
        return len(self.person_name) + metadata


@dataclass(frozen=True, slots=True)
class Submission:
    """A person and the encoded image, as it came."""

    person: Person
    encoded: bytes


@dataclass(frozen=True, slots=True)
class Picture:
    """A person and the decoded image.

    pixels: (height, width, 3) uint8, RGB, upright (EXIF orientation applied). reduction: how many
    pixels of the full-size image one of them stands for, each way.
    """

    person: Person
    encoded: bytes
    pixels: UInt8Image
    reduction: int


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face, in pixels of the upright image: of its full size, but while it is sought.

    box: x1, y1, x2, y2. landmarks: (5, 2) float32 x, y of the eye, eye, nose, mouth corner and
    mouth corner; of each pair the one at the left of the image first. score: 0..1.
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    score: float


@dataclass(frozen=True, slots=True)
class AlignedFace:
    """The face that stands for the person. crop: the recogniser's input, uint8 RGB.

    kept: the image that the storage type keeps (JPEG of the face, or the bytes as they came).
    """

    person: Person
    face: Face
    crop: UInt8Image
    kept: bytes


@dataclass(frozen=True, slots=True)
class EmbeddedFace:
    """vector: (dimension,) float32, of length 1."""

    person: Person
    face: Face
    vector: Vector
    kept: bytes


ACTION_MESSAGES = {
    "enrolled": "The person was enrolled.",
    "updated": "The person was updated.",
    "unchanged": "The person is unchanged.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one row ended: the source of its result record."""

    ref: RowRef
    code: Code
    person_id: str | None = None
    detail: str = ""
    action: str = ""
    detection_score: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The result record: `code`, `message`, and `metadata` of strings."""
        metadata = {} if self.person_id is None else {"person_id": self.person_id}
        metadata["collection_name"] = self.ref.collection
        metadata["source"] = self.ref.source
        if self.ref.request is not None:
            metadata["request"] = str(self.ref.request)
        if self.ref.row is not None:
            metadata["row"] = str(self.ref.row)
        if self.code is Code.OK:
            metadata["action"] = self.action
            metadata["point_id"] = point_id(self.person_id or "")
            metadata["detection_score"] = f"{self.detection_score:.4f}"
        elif self.detail:
            metadata["detail"] = self.detail
        message = ACTION_MESSAGES[self.action] if self.code is Code.OK else MESSAGES[self.code]
        return {"code": str(self.code), "message": message, "metadata": metadata}


def ref_of(record: Any) -> RowRef:
    """The identity of any record above."""
    ref: RowRef = getattr(record, "person", record).ref
    return ref


def person_id_of(record: Any) -> str | None:
    """The person's id where the record's stage knows a lawful one."""
    if isinstance(record, Row):
        value = record.fields.get("person_id")
        return value if is_person_id(value) else None
    person_id: str | None = getattr(record, "person", record).person_id
    return person_id
