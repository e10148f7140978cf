"""Which rows of a split lose to another row of the same person, as the launcher found out."""

import sqlite3
from pathlib import Path

from schemas.errors import Code, Fault
from schemas.records import RowRef

# The database of losers: `resolve_ids` writes it, `Losers` reads it. The other row is the one that
# the detail names; its row is NULL where it is a person row, whose number is its line.
SCHEMA = """
    CREATE TABLE splits (split INTEGER PRIMARY KEY, source TEXT NOT NULL);
    CREATE TABLE losers (
        split INTEGER, line INTEGER, row INTEGER,
        other_split INTEGER NOT NULL, other_line INTEGER NOT NULL, other_row INTEGER,
        PRIMARY KEY (split, line, row)
    ) WITHOUT ROWID;
"""
_LOSERS = """
    SELECT line, row, other_line, other_row,
        (SELECT source FROM splits WHERE splits.split = other_split)
    FROM losers WHERE split = ? ORDER BY line, row
"""


def describe(source: str, request: int | None, row: int) -> str:
    """Names a row, as the detail of a loser does.

    >>> describe("people.jsonl", None, 3)
    'people.jsonl row 3'
    >>> describe("bodies.jsonl", 2, 0)
    'bodies.jsonl request 2 row 0'
    """
    return f"{source} row {row}" if request is None else f"{source} request {request} row {row}"


class Losers:
    """The rows of one split that lose. Holds one of them at a time, however many there are."""

    def __init__(self, database: str, split: int) -> None:
        """Opens what `resolve_ids` wrote. Raises sqlite3.Error where that cannot be read."""
        # Nobody writes any more, so no lock is needed: also on mounts that have none. A reader that
        # is given up half-way may be closed by another thread.
        uri = f"{Path(database).absolute().as_uri()}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        try:
            self._rows = self._connection.execute(_LOSERS, (split,))
            self._next = self._rows.fetchone()
        except BaseException:
            self.close()
            raise

    def fault(self, ref: RowRef) -> Fault | None:
        """Gives why the row is rejected, where it loses.

        Rows are asked in input order; any may be left out, and is skipped.
        """
        if ref.row is None:
            return None
        wanted = [ref.row, 0] if ref.request is None else [ref.request, ref.row]
        while self._next is not None and [*self._next[:2]] < wanted:
            self._next = self._rows.fetchone()
        if self._next is None or [*self._next[:2]] != wanted:
            return None
        _, _, line, row, source = self._next
        other = describe(source, None, line) if row is None else describe(source, line, row)
        return Fault(Code.DUPLICATE_ID, other)

    def close(self) -> None:
        """Closes the database; may be called again."""
        self._connection.close()
