"""What an input file is cut into, and which fields its rows may have."""

from dataclasses import dataclass
from enum import StrEnum

from schemas.errors import Fault
from schemas.options import FaceStorageType
from schemas.records import RowRef


class Form(StrEnum):
    """How an input is read."""

    PARQUET = "parquet"
    JSONL = "jsonl"
    JSON = "json"


PERSON_ID = "person_id"
PERSON_NAME = "person_name"
METADATA = "metadata"
FACE_BASE_64 = "face_base_64"
FACE = "face"
FACE_URI = "face_uri"
VECTOR = "vector"

# Of a body: the `PUT /persons` request of the server that we mirror.
COLLECTION_NAME = "collection_name"
FACE_STORAGE_TYPE = "face_storage_type"
PERSONS = "persons"

# Exactly one of these stands in a row. `face` is binary, which JSON has not.
PARQUET_FACES = (FACE_BASE_64, FACE, FACE_URI, VECTOR)
JSON_FACES = (FACE_BASE_64, FACE_URI, VECTOR)
PARQUET_FIELDS = (PERSON_ID, PERSON_NAME, METADATA, *PARQUET_FACES)
JSON_FIELDS = (PERSON_ID, PERSON_NAME, METADATA, *JSON_FACES)

# What a part of a split takes at a time.
BLOCK_ROWS = 64


@dataclass(frozen=True, slots=True)
class InputFile:
    """One input file, as planning found it. requests: the bodies in it."""

    source: str
    form: Form
    size_bytes: int
    rows: int
    requests: int = 0


@dataclass(frozen=True, slots=True)
class BodyHead:
    """What a body says of all its persons.

    request: its 0-based place in its file (the line, in JSONL). fault: why none of them can be
    enrolled. malformed: they cannot even be told apart, and the body counts as one row.
    opening: its fields beside `persons` as a JSON object, from which a body of one rejected person
    is made.
    """

    request: int
    collection: str
    face_storage_type: FaceStorageType = FaceStorageType.NO_STORAGE
    fault: Fault | None = None
    malformed: bool = False
    opening: str = "{}"


@dataclass(frozen=True, slots=True)
class Split:
    """A piece of a file that one worker reads: rows of `first_row` and after.

    source: the path as it was given, which records carry. path: the same, from any folder.
    Parquet: row groups start..end. JSONL: bytes start..end of the decompressed lines, end -1 for
    all; with a `body`: persons of this body alone, the first of them at byte start.
    rows: how many planning counted. take: how many to read at most, where not all are wanted.
    broken_are_bodies: a line that cannot be read counts as a body, as the file's other lines are.
    losers: the file that names the rows which lose to another of the same id; "" for none.
    With `parts` > 1 the piece goes to that many readers, so that one file that cannot be cut still
    keeps all workers busy.
    """

    source: str
    path: str
    form: Form
    start: int
    end: int
    first_row: int
    rows: int
    body: BodyHead | None = None
    broken_are_bodies: bool = False
    number: int = 0
    take: int | None = None
    losers: str = ""
    part: int = 0
    parts: int = 1

    def keeps(self, ref: RowRef) -> bool:
        """True where this part is the one that yields the row."""
        return self.part_of(ref) == self.part

    def part_of(self, ref: RowRef) -> int:
        """Gives the part that yields the row.

        Parts take blocks of rows in turn. The rows after the last full turn they take one by one:
        a part with a block more than the others would work on alone at the end.
        """
        if ref.request is not None and self.body is None:  # small bodies are dealt as well
            return ((ref.row or 0) // BLOCK_ROWS + ref.request) % self.parts
        row = 0 if ref.row is None else ref.row - self.first_row
        in_full_turns = self.rows - self.rows % (BLOCK_ROWS * self.parts)
        return (row // BLOCK_ROWS if row < in_full_turns else row) % self.parts
