"""Everything that decides an enrollment, in one frozen object."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import UsageError
from schemas.ids import check_collection_name
from schemas.inputs import COLUMN_FIELDS
from schemas.options import FaceStorageType, Rules
from transforms.faces.catalogue import DEFAULT_PACK
from transforms.stores.connect import DEFAULT_RETRY_FOR_S

DEFAULT_STORE = "./muster-store"


@dataclass(frozen=True, slots=True)
class RejectedLimit:
    """How many rejected rows a run may have and still exit 0: a number, or a share of all."""

    number: float
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> "RejectedLimit":
        """Reads `20` or `2.5%`."""
        percent = text.endswith("%")
        try:
            number = float(text.removesuffix("%")) if percent else int(text)
        except ValueError:
            number = -1
        if not 0 <= number <= (100 if percent else float("inf")):
            raise UsageError(f"--max-rejected: {text!r}; expected a count as 20, or as 2.5%")
        return cls(number, percent)

    def allows(self, rejected: int, rows: int) -> bool:
        """True where so many of so many rows are within the limit."""
        return rejected <= (self.number * rows / 100 if self.percent else self.number)


@dataclass(frozen=True, slots=True)
class EnrollConfig:
    """The options of `enroll`, checked when it is made. Beam's own stay as they were given."""

    inputs: tuple[str, ...]
    collection: str
    face_storage_type: FaceStorageType
    run_dir: str
    store: str = DEFAULT_STORE
    pack: str = DEFAULT_PACK
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    rules: Rules = Rules()
    max_row_bytes: int = 64_000_000
    columns: Mapping[str, str] = field(default_factory=dict)
    max_rejected: RejectedLimit | None = None
    retry_for_s: float = DEFAULT_RETRY_FOR_S
    beam_options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.inputs:
            raise UsageError("no INPUT given; expected files, folders or globs")
        check_collection_name(self.collection)
        if self.workers < 1:
            raise UsageError(f"--workers: {self.workers}; expected 1 or more")
        for name, value in (
            ("--max-row-bytes", self.max_row_bytes),
            ("--max-image-bytes", self.rules.max_image_bytes),
            ("--max-image-pixels", self.rules.max_image_pixels),
        ):
            if value < 1:
                raise UsageError(f"{name}: {value}; expected 1 or more")
        if self.retry_for_s < 0:
            raise UsageError(f"--retry-for: {self.retry_for_s:g}s; expected 0s or more")
        for name in self.columns.keys() - set(COLUMN_FIELDS):
            raise UsageError(
                f"--column {name}=...: no such field; expected one of {', '.join(COLUMN_FIELDS)}"
            )

    @property
    def results_prefix(self) -> str:
        """Where the result files go."""
        return str(Path(self.run_dir).absolute() / "results" / "results")
