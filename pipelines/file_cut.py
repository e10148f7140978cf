"""What cutting one input file gives."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.errors import Code, RefusedError
from schemas.inputs import BodyHead, Split
from transforms.inputs.bodies import Body, refusal

SPLIT_BYTES = 64 << 20


@dataclass
class Requests:
    """The bodies that were met. faulty: code -> those that are refused for what stands in them.

    into: collection -> the other ones. empty: (source, head) of those without persons, which
    have no record.
    """

    faulty: Counter[str] = field(default_factory=Counter)
    into: Counter[str] = field(default_factory=Counter)
    empty: list[tuple[str, BodyHead]] = field(default_factory=list)

    @property
    def number(self) -> int:
        """All of them."""
        return self.faulty.total() + self.into.total()

    def refused(self, bodies_into: Mapping[str, Code | None]) -> Counter[str]:
        """Gives code -> how many are refused. bodies_into: see `Reading`."""
        refused = self.faulty.copy()
        for name, number in self.into.items():
            if fault := refusal(name, bodies_into):
                refused[fault.code] += number
        return refused

    def add(self, source: str, body: Body) -> None:
        """Counts one."""
        if body.head.fault is None:
            self.into[body.head.collection] += 1
        else:
            self.faulty[body.head.fault.code] += 1
        if not body.rows:
            self.empty.append((source, body.head))

    def update(self, other: "Requests") -> None:
        """Adds those of another file."""
        self.faulty += other.faulty
        self.into += other.into
        self.empty += other.empty


@dataclass(frozen=True, slots=True)
class FileCut:
    """The splits of a file, in the order of its rows. person_rows: rows that are of no body.

    cut_short: what stands behind the last split was not looked at.
    """

    splits: tuple[Split, ...]
    person_rows: int
    unknown_fields: frozenset[str] = frozenset()
    requests: Requests = field(default_factory=Requests)
    cut_short: bool = False


def absolute(path: str) -> str:
    """Gives what means the same file to a worker that was started elsewhere."""
    return path if "://" in path else os.path.abspath(path)


def cannot_be_read(path: str, why: str, error: Exception | None = None) -> RefusedError:
    """Gives the refusal of a job one of whose inputs is no input. error: met on reading it."""
    if isinstance(error, PermissionError):
        why = "cannot be opened: permission denied"
    return RefusedError(Code.UNPROCESSABLE_CONTENT, f"input {path}: {why}")
