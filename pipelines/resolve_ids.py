"""Which row of each person counts where several rows of a run have the same person_id."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any

from schemas.options import OnDuplicateId
from schemas.records import RowRef
from transforms.duplicates import SCHEMA

# TEXT compares by its bytes: exact. `row` is NULL for a person row, which its line names.
_SCRATCH = """
    PRAGMA temp_store = FILE;
    PRAGMA cache_size = -16000;
    PRAGMA journal_mode = OFF;
    CREATE TABLE ids (id TEXT, split INT, line INT, row INT);
    CREATE TABLE found (
        split INT, line INT, row INT, other_split INT, other_line INT, other_row INT
    );
"""
_FIRST_LEADS = "SELECT * FROM ids ORDER BY id, split, line, row"
_LAST_LEADS = "SELECT * FROM ids ORDER BY id, split DESC, line DESC, row DESC"
_OUT = """
    PRAGMA out.journal_mode = OFF;
    PRAGMA out.synchronous = OFF;
"""
_SORTED = """
    INSERT INTO out.losers
    SELECT split, line, coalesce(row, 0), other_split, other_line, other_row
    FROM found ORDER BY 1, 2, 3
"""


def resolve_ids(
    rows: Iterable[tuple[int, RowRef, str]], policy: OnDuplicateId, database: Path
) -> frozenset[int]:
    """Writes the losers to `database`, and gives the numbers of the splits that have any.

    rows: number of the split, row and person_id, in any order; a row may come twice. All rows of a
    split have one source. What was at `database` is replaced, when all rows are read; where no row
    loses, by nothing. Raises what `rows` raises, ValueError for a row without a place, OSError and
    sqlite3.Error; no id stays on disk then either.
    """
    # Without a name, the scratch database is a file of mode 0600 that lost its name when it was
    # opened, as those that the sorter makes: even a kill leaves no id.
    with closing(sqlite3.connect("", uri=True)) as scratch:
        scratch.executescript(_SCRATCH)
        sources: dict[int, str] = {}
        _insert(scratch, "INSERT INTO ids VALUES", "(?, ?, ?, ?)", _ids(rows, sources))
        leads = _LAST_LEADS if policy is OnDuplicateId.LAST else _FIRST_LEADS
        losers = _losers(scratch.execute(leads), policy is OnDuplicateId.REJECT)
        _insert(scratch, "INSERT INTO found VALUES", "(?, ?, ?, ?, ?, ?)", losers)
        scratch.commit()
        return _write(scratch, sources, database.absolute())


def _ids(
    rows: Iterable[tuple[int, RowRef, str]], sources: dict[int, str]
) -> Iterator[tuple[str, int, int, int | None]]:
    """Gives what `ids` holds of each row, and notes the source of its split."""
    for split, ref, person_id in rows:
        if ref.row is None:
            raise ValueError(f"no row: {ref}")
        line, row = (ref.row, None) if ref.request is None else (ref.request, ref.row)
        sources[split] = ref.source
        # No id has a U+0000, so the two cannot run into each other.
        yield f"{person_id}\0{ref.collection}", split, line, row


def _insert(
    scratch: sqlite3.Connection, head: str, one: str, records: Iterator[tuple[Any, ...]]
) -> None:
    """Inserts the records, some at a time: that takes half as long as one at a time."""
    while some := list(islice(records, 16)):
        scratch.execute(f"{head} {', '.join([one] * len(some))}", [*chain.from_iterable(some)])


def _losers(ordered: Iterable[Any], reject: bool) -> Iterator[tuple[Any, ...]]:
    """Gives each loser's place and that of the other row, of rows whose leaders come first.

    reject: the leader loses as well, to the second.
    """
    leader: Any = (None,)
    last = None
    for row in ordered:
        if row[0] != leader[0]:
            leader = row
        elif row != last:  # and so not the same row given twice
            if reject and last == leader:
                yield *leader[1:], *row[1:]
            yield *row[1:], *leader[1:]
        last = row


def _write(scratch: sqlite3.Connection, sources: dict[int, str], database: Path) -> frozenset[int]:
    """Writes what is found to the database, in input order, and gives the splits of losers."""
    database.unlink(missing_ok=True)
    splits = frozenset(split for (split,) in scratch.execute("SELECT DISTINCT split FROM found"))
    if not splits:
        return splits
    os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        uri = f"{database.as_uri()}?nolock=1"  # nobody else knows it, and some mounts have no locks
        with closing(sqlite3.connect(uri, uri=True)) as out:
            out.executescript(SCHEMA)
        scratch.execute("ATTACH ? AS out", (uri,))
        scratch.executescript(_OUT)
        scratch.executemany("INSERT INTO out.splits VALUES (?, ?)", sources.items())
        scratch.execute(_SORTED)
        scratch.commit()
    except BaseException:
        database.unlink(missing_ok=True)
        raise
    return splits
