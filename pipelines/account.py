"""Counts what a run wrote. Read back from the results, so that a lost record shows."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.workplace import RESULTS
from schemas.errors import Code, Detail
from schemas.report import Account
from transforms.write_results import RESULTS_SUFFIX

_ACTIONS = ("enrolled", "updated", "unchanged")


@dataclass(frozen=True, slots=True)
class ResultCounts:
    """What the result files hold. outcomes: by action for OK, by code otherwise.

    damage: records that tell of damage to a file, and so of no row; damaged_sources: those files.
    """

    outcomes: Counter[str]
    damage: int
    damaged_sources: frozenset[str]

    @property
    def records(self) -> int:
        """All records."""
        return self.outcomes.total()

    @property
    def rows(self) -> int:
        """Records of rows."""
        return self.records - self.damage

    @property
    def codes(self) -> dict[str, int]:
        """By code alone."""
        codes = Counter[str]()
        for outcome, number in self.outcomes.items():
            codes[Code.OK if outcome in _ACTIONS else outcome] += number
        return dict(sorted(codes.items()))


def count_results(run_folder: Path) -> ResultCounts:
    """Counts all records of the run's result files."""
    outcomes: Counter[str] = Counter()
    damaged: list[str] = []
    for line in record_lines(run_folder):
        record = json.loads(line)
        metadata = record["metadata"]
        outcomes[metadata.get("action", record["code"])] += 1
        if metadata.get("detail") == Detail.TRUNCATED_INPUT:
            damaged.append(metadata["source"])
    return ResultCounts(outcomes, len(damaged), frozenset(damaged))


def close_account(rows_read: int, counts: ResultCounts) -> Account:
    """Sets the rows that were read against what became of them."""
    by_action = {action: counts.outcomes[action] for action in _ACTIONS}
    rejected = {code: n for code, n in counts.codes.items() if code != Code.OK}
    return Account(rows_read=rows_read, rejected=rejected, **by_action)


def record_lines(run_folder: Path) -> Iterator[bytes]:
    """Gives the lines of all of the run's result files, in no order."""
    for path in (run_folder / RESULTS).glob(f"{RESULTS}-*{RESULTS_SUFFIX}"):
        with path.open("rb") as file:
            yield from file
