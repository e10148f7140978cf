"""What readers of all forms share: how to read, and what they give."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from schemas.errors import Code
from schemas.inputs import JSON_FIELDS, PARQUET_FIELDS, PERSON_ID
from schemas.options import FaceStorageType
from schemas.records import Row, RowRef


class Found(NamedTuple):
    """A row, and how to make it: one that another reader takes is not parsed.

    size: about how many bytes it holds.
    """

    ref: RowRef
    make: Callable[[], Row]
    size: int


@dataclass(frozen=True)
class Reading:
    """How inputs are read. columns: our field -> the input's name, where they differ.

    collection, face_storage_type: of person rows; a body has its own. bodies_into: the collections
    that exist, each with why bodies for it are refused, or None. keep_raw: rows carry themselves
    as they came. only: the fields to read of a Parquet file, where not all are wanted.
    """

    max_row_bytes: int
    columns: Mapping[str, str] = field(default_factory=dict)
    collection: str = ""
    face_storage_type: FaceStorageType = FaceStorageType.NO_STORAGE
    bodies_into: Mapping[str, Code | None] = field(default_factory=dict)
    keep_raw: bool = False
    only: tuple[str, ...] = PARQUET_FIELDS

    def ids_alone(self) -> "Reading":
        """Gives the same, where nothing but the ids of rows is wanted."""
        return replace(self, only=(PERSON_ID,), keep_raw=False)

    def names(self, fields: tuple[str, ...]) -> dict[str, str]:
        """Gives our field -> the input's name."""
        return {field: self.columns.get(field, field) for field in fields}

    @cached_property  # asked for each row
    def json_names(self) -> Mapping[str, str]:
        """Our field -> the input's name, of the fields that JSON has."""
        return self.names(JSON_FIELDS)
