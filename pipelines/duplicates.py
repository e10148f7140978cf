"""Finds, before any image is touched, the rows that lose to another of the same person_id."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pipelines.plan_splits import Plan
from pipelines.resolve_ids import resolve_ids
from schemas.errors import Detail, FailedError
from schemas.inputs import Split
from schemas.options import OnDuplicateId
from schemas.records import RowRef, person_id_of
from transforms.inputs.found import Reading
from transforms.read_rows import read_split


def without_duplicates(plan: Plan, reading: Reading, policy: OnDuplicateId, database: Path) -> Plan:
    """Gives the plan with splits that know their losers, which are written to `database`.

    Raises FailedError where there is no room for it.
    """
    unread = set[str]()
    try:
        ids = _ids(plan.splits, reading.ids_alone(), unread)
        with_losers = resolve_ids(ids, policy, database)
    except sqlite3.Error as error:
        raise FailedError(
            f"rows with the same person_id cannot be looked for: {error}; this takes about 90 "
            "bytes a row in the folder that SQLITE_TMPDIR or TMPDIR names, else in /var/tmp, and "
            f"{database.parent} must be writable"
        ) from error
    splits = (
        replace(split, losers=str(database)) if split.number in with_losers else split
        for split in plan.splits
    )
    return replace(plan, splits=tuple(splits), ids_unread=frozenset(unread))


def _ids(
    splits: Iterable[Split], reading: Reading, unread: set[str]
) -> Iterator[tuple[int, RowRef, str]]:
    """Gives all ids that can be read; those of refused bodies do not count.

    unread: takes the inputs that are damaged, or cannot be read now.
    """
    for split in splits:
        for row in read_split(reading, split):
            if row.ref.is_damage:
                unread.add(row.ref.source)
            person_id = person_id_of(row)
            faulty = row.fault is not None and row.fault.detail != Detail.TOO_LARGE
            if row.ref.row is not None and person_id is not None and not faulty:
                yield split.number, row.ref, person_id
