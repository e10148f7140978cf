"""What `report.json` holds. Its account is also the last line on stdout."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from schemas.errors import Code


class Status(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Account:
    """Every row that was read, once. rejected: code -> rows."""

    rows_read: int
    enrolled: int
    updated: int
    unchanged: int
    rejected: Mapping[str, int]

    @property
    def num_rejected(self) -> int:
        """Rows rejected, whatever the code."""
        return sum(self.rejected.values())

    @property
    def closes(self) -> bool:
        """True where every row read has one outcome."""
        return self.rows_read == self.enrolled + self.updated + self.unchanged + self.num_rejected


@dataclass(frozen=True, slots=True)
class Report:
    """The whole of `report.json`; docs/run-folder.md says what each field means."""

    status: Status
    account: Account
    codes: Mapping[str, int]
    rows_not_read: int | None
    requests: int
    requests_refused: Mapping[str, int]
    all_refused: bool
    damaged_inputs: int
    rejected_not_kept: int
    taken_over: bool
    started_at: str
    finished_at: str
    seconds: float
    rows_per_second: float
    stages: Mapping[str, Mapping[str, float]]
    retries: int
    throttled_seconds: float
    peak_memory_bytes: int
    skipped_files: tuple[str, ...]
    unknown_fields: tuple[str, ...]
    error: str

    def to_json(self) -> dict[str, Any]:
        """The object that is written."""
        return asdict(self)

    @property
    def failed_rows(self) -> int:
        """Rows that ended for a reason that is not their own."""
        codes = (Code.DATABASE_ERROR, Code.INTERNAL_ERROR)
        return sum(self.codes.get(code, 0) for code in codes)
