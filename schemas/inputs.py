"""What an input file is cut into, and which fields its rows may have."""

from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    """How an input is read."""

    PARQUET = "parquet"
    JSONL = "jsonl"


PERSON_ID = "person_id"
PERSON_NAME = "person_name"
METADATA = "metadata"
FACE_BASE_64 = "face_base_64"
FACE = "face"
FACE_URI = "face_uri"
VECTOR = "vector"

# Exactly one of these stands in a row. `face` is binary, which JSON has not.
FACE_FIELDS = {
    Form.PARQUET: (FACE_BASE_64, FACE, FACE_URI, VECTOR),
    Form.JSONL: (FACE_BASE_64, FACE_URI, VECTOR),
}
ROW_FIELDS = {form: (PERSON_ID, PERSON_NAME, METADATA, *FACE_FIELDS[form]) for form in Form}
COLUMN_FIELDS = ROW_FIELDS[Form.PARQUET]

# What a part of a split takes at a time.
BLOCK_ROWS = 64


@dataclass(frozen=True, slots=True)
class InputFile:
    """One input file, as planning found it."""

    source: str
    form: Form
    size_bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Split:
    """A piece of a file that one worker reads: rows of `first_row` and after.

    source: the path as it was given, which records carry. path: the same, from any folder.
    Parquet: row groups start..end. JSONL: bytes start..end of the decompressed lines, end -1 for
    all. With `parts` > 1 the piece goes to that many readers, each keeping every parts-th block
    of rows, so that one file that cannot be cut still keeps all workers busy.
    """

    source: str
    path: str
    form: Form
    start: int
    end: int
    first_row: int
    part: int = 0
    parts: int = 1

    def keeps(self, row: int) -> bool:
        """True where this part is the one that yields the physical row."""
        return row // BLOCK_ROWS % self.parts == self.part
