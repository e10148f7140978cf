"""How far a run is, on stderr: one moving line on a terminal, plain lines elsewhere."""

import sys
import time
from typing import Any

from tqdm import tqdm

from schemas.report import Report
from transforms.run_state import RUN_STATE

_PLAIN_EVERY_S = 30.0


class Progress:
    """Called several times a second while a run is under way."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._began = self._told = time.monotonic()

    def __call__(self, rows: int) -> None:
        """Tells rows done of `rows`, the rate, the time left and the counts by code."""
        if sys.stderr.isatty():
            self._move(rows)
        elif time.monotonic() - self._told >= _PLAIN_EVERY_S:
            self._told = time.monotonic()
            self._tell(rows)

    def close(self) -> None:
        """Leaves the moving line as it stands."""
        if self._bar is not None:
            self._bar.close()

    def _move(self, rows: int) -> None:
        outcomes = RUN_STATE.outcomes()
        if self._bar is None:  # one of 0 rows is false
            self._bar = tqdm(total=rows, unit=" rows", file=sys.stderr, dynamic_ncols=True)
        self._bar.set_postfix_str(_counts(outcomes), refresh=False)
        self._bar.update(outcomes.total() - self._bar.n)

    def _tell(self, rows: int) -> None:
        outcomes = RUN_STATE.outcomes()
        done = outcomes.total()
        rate = done / (time.monotonic() - self._began)
        left = tqdm.format_interval((rows - done) / rate) if rate else "?"
        print(
            f"muster: {done} of {rows} rows, {rate:.1f} rows/s, {left} left, {_counts(outcomes)}",
            file=sys.stderr,
        )


def account_table(report: Report) -> str:
    """Gives the account as a small table."""
    account = report.account
    lines = [
        ("rows read", account.rows_read),
        ("enrolled", account.enrolled),
        ("updated", account.updated),
        ("unchanged", account.unchanged),
        *sorted(account.rejected.items()),
    ]
    if report.rows_not_read:
        lines.append(("rows not read", report.rows_not_read))
    width = max(len(name) for name, _ in lines)
    rows = [f"  {name:<{width}}  {number:>12,}" for name, number in lines]
    return "\n".join([f"{report.status} in {report.seconds:.1f} s", *rows])


def _counts(outcomes: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(outcomes.items()))
