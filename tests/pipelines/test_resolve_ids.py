import os
import sqlite3
import tempfile
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.resolve_ids import resolve_ids
from schemas.options import OnDuplicateId
from schemas.records import RowRef
from transforms.duplicates import Losers, describe

FIRST, LAST, REJECT = OnDuplicateId.FIRST, OnDuplicateId.LAST, OnDuplicateId.REJECT


def person(split, row, person_id, collection="staff"):
    return split, RowRef(f"{split}.jsonl", row, collection), person_id


def of_body(split, request, row, person_id, collection="staff"):
    return split, RowRef(f"{split}.jsonl", row, collection, request), person_id


ROWS = [
    person(0, 0, "a"),
    person(0, 1, "b"),
    person(0, 2, "a"),
    of_body(1, 0, 0, "c"),
    of_body(1, 0, 1, "a"),
    of_body(1, 10, 0, "b"),
    person(2, 0, "alone"),
]
LOSERS = {
    LAST: [(0, 0, 0, 1, 0, 1), (0, 1, 0, 1, 10, 0), (0, 2, 0, 1, 0, 1)],
    FIRST: [(0, 2, 0, 0, 0, None), (1, 0, 1, 0, 0, None), (1, 10, 0, 0, 1, None)],
    REJECT: [
        (0, 0, 0, 0, 2, None),
        (0, 1, 0, 1, 10, 0),
        (0, 2, 0, 0, 0, None),
        (1, 0, 1, 0, 0, None),
        (1, 10, 0, 0, 1, None),
    ],
}
WEIRD = ["a", "A", "a ", "a'", "é", "e\u0301", "Å", "\u212b", "ß", "ss", "\x01", "\ufeff", "\uffff"]
WEIRD += ["\U00010000", "1", "1.0", "a\n", "x" * 512, "x" * 511, "\U0010ffff" * 128]
ROWS_OF = {
    **{(s, None, row): person(s, row, "") for s in (0, 2) for row in range(8)},
    **{(1, b, row): of_body(1, b, row, "", f"c{b % 2}") for b in (0, 1, 10) for row in range(4)},
}


@pytest.fixture
def database(tmp_path):
    return tmp_path / "100% of #1 ?mode=ro.sqlite3"


def content(database):
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
        assert tables == [("losers",), ("splits",)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [connection.execute(f"SELECT * FROM {table}").fetchall() for (table,) in tables]


def scratch_files():
    """Gives what SQLite holds open of files without a name."""
    found = (Path(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
    return [each.stat() for each in found if each.is_symlink() and "etilqs_" in os.readlink(each)]


@pytest.mark.parametrize("rows", [ROWS, ROWS[::-1], ROWS * 2, ROWS[3:] + ROWS])
@pytest.mark.parametrize("policy", OnDuplicateId)
def test_the_losers_of_each_policy(database, policy, rows):
    assert resolve_ids(iter(rows), policy, database) == {loser[0] for loser in LOSERS[policy]}
    sources = [(0, "0.jsonl"), (1, "1.jsonl"), (2, "2.jsonl")]
    assert content(database) == [LOSERS[policy], sources]
    assert os.listdir(database.parent) == [database.name]


@given(st.data(), st.sampled_from(OnDuplicateId))
def test_the_losers_are_those_of_a_simple_model(data, policy):
    weird = data.draw(st.lists(st.sampled_from(WEIRD), min_size=1, max_size=6))
    ids = data.draw(st.dictionaries(st.sampled_from([*ROWS_OF]), st.sampled_from(weird)))
    rows = [(*ROWS_OF[key][:2], person_id) for key, person_id in ids.items()]
    again = data.draw(st.lists(st.sampled_from(rows))) if rows else []
    given_rows = data.draw(st.permutations(rows + again))

    rows.sort(key=lambda row: (row[0], row[1].request or 0, row[1].row))
    expected = {}
    for split, ref, person_id in rows:
        same = [r for r in rows if (r[1].collection, r[2]) == (ref.collection, person_id)]
        others = [r[1] for r in same if r[1] != ref]
        winner = {LAST: same[-1][1], FIRST: same[0][1], REJECT: None}[policy]
        if others and ref != winner:
            other = winner or others[0]
            expected[split, ref] = describe(other.source, other.request, other.row)

    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "losers")
        with_losers = resolve_ids(given_rows, policy, database)
        assert with_losers == {split for split, _ in expected}
        assert database.exists() == bool(with_losers)
        found = {}
        for number in with_losers:
            with closing(Losers(str(database), number)) as losers:
                faults = {(s, ref): losers.fault(ref) for s, ref, _ in rows if s == number}
            found.update({key: fault.detail for key, fault in faults.items() if fault})
        assert found == expected


@pytest.mark.parametrize("policy", OnDuplicateId)
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [person(0, 4, "a")] * 3,
        [of_body(0, 4, 1, "a")] * 3,
        [of_body(0, 0, 0, "a", "staff"), of_body(0, 1, 0, "a", "guests")],
        [of_body(0, 0, 0, "a", "bc"), of_body(0, 1, 0, "ab", "c")],
        [person(0, row, person_id) for row, person_id in enumerate(WEIRD)],
    ],
)
def test_where_no_row_loses_there_is_no_database(database, policy, rows):
    database.write_bytes(b"of the run before")
    assert resolve_ids(rows, policy, database) == frozenset()
    assert os.listdir(database.parent) == []


def test_what_stood_there_is_replaced_and_only_the_owner_may_read(database):
    database.write_bytes(b"of the run before")
    database.chmod(0o644)
    before = os.umask(0)
    try:
        assert resolve_ids(ROWS, FIRST, database) == {0, 1}
    finally:
        os.umask(before)
    assert content(database)[0] == LOSERS[FIRST]
    assert database.stat().st_mode & 0o777 == 0o600


def test_no_id_is_left_where_the_rows_fail(database):
    database.write_bytes(b"of the run before")
    held = []

    def rows():
        for row in range(50_000):  # more than is held in memory
            yield person(0, row, f"{row:0512}")
        held.extend(scratch_files())
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        resolve_ids(rows(), LAST, database)
    assert sum(each.st_size for each in held) > 1_000_000
    assert {(each.st_nlink, each.st_mode & 0o777) for each in held} == {(0, 0o600)}
    assert scratch_files() == []
    assert os.listdir(database.parent) == [database.name]
    assert database.read_bytes() == b"of the run before"


def test_a_row_without_a_place_is_refused(database):
    with pytest.raises(ValueError, match="no row"):
        resolve_ids([person(0, None, "a")], LAST, database)
    assert os.listdir(database.parent) == []


def test_nothing_half_written_is_left(database):
    rows = [person(0, 0, "a"), person(0, 1, "a"), person(0, 0, "b"), person(0, 1, "b")]
    with pytest.raises(sqlite3.IntegrityError):  # a place has one id
        resolve_ids(rows, LAST, database)
    assert os.listdir(database.parent) == []


@pytest.mark.parametrize("policy", OnDuplicateId)
def test_the_rows_of_one_id_are_not_held(database, policy):
    tracemalloc.start()
    try:
        resolve_ids((person(0, row, "a") for row in range(5_000)), policy, database)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000
