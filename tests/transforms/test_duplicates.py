import sqlite3
import threading
from contextlib import closing

import pytest

from schemas.errors import Code, Fault
from schemas.records import RowRef
from tests.builders import make_ref
from transforms.duplicates import SCHEMA, Losers

SPLITS = [(0, "people.jsonl"), (1, "people.jsonl"), (2, "bodies.jsonl")]
LOSERS = [  # the place, and that of the other row
    (0, 3, 0, 0, 70, None),
    (0, 70, 0, 1, 200, None),
    (0, 71, 0, 2, 5, 0),
    (2, 1, 4, 0, 0, None),
    (2, 1, 5, 2, 1, 9),
    (2, 2, 0, 2, 4, 1),
]


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "100% of #1 ?mode=rw.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        connection.executemany("INSERT INTO splits VALUES (?, ?)", SPLITS)
        connection.executemany("INSERT INTO losers VALUES (?, ?, ?, ?, ?, ?)", LOSERS)
        connection.commit()
    return str(path)


def person(row):
    return make_ref(row=row)


def of_body(request, row):
    return RowRef("bodies.jsonl", row, "staff", request)


def details(losers, refs):
    faults = [losers.fault(ref) for ref in refs]
    assert {fault.code for fault in faults if fault} <= {Code.DUPLICATE_ID}
    return {number: fault.detail for number, fault in enumerate(faults) if fault}


PERSONS = [person(row) for row in range(100)]
LOST = {3: "people.jsonl row 70", 70: "people.jsonl row 200", 71: "bodies.jsonl request 5 row 0"}


def test_losers_of_person_rows(database):
    with closing(Losers(database, 0)) as losers:
        assert details(losers, PERSONS) == LOST


def test_losers_of_bodies(database):
    refs = [of_body(request, row) for request in range(4) for row in range(10)]
    other = {14: "people.jsonl row 0", 15: "bodies.jsonl request 1 row 9"}
    with closing(Losers(database, 2)) as losers:
        assert details(losers, refs) == {**other, 20: "bodies.jsonl request 4 row 1"}


@pytest.mark.parametrize("split", [1, 9])
def test_a_split_without_losers(database, split):
    with closing(Losers(database, split)) as losers:
        assert details(losers, PERSONS) == {}


def test_two_readers_share_a_split(database):
    with closing(Losers(database, 0)) as one, closing(Losers(database, 0)) as other:
        assert details(one, PERSONS[:64]) == {3: LOST[3]}
        assert details(other, PERSONS[64:]) == {6: LOST[70], 7: LOST[71]}


def test_rows_may_be_left_out_and_damage_may_stand_between(database):
    with closing(Losers(database, 0)) as losers:
        assert losers.fault(person(None)) is None
        assert losers.fault(of_body(70, None)) is None
        assert losers.fault(person(70)) == Fault(Code.DUPLICATE_ID, LOST[70])
        assert losers.fault(person(99)) is None


def test_a_reader_may_be_closed_twice_and_by_another_thread(database):
    losers = Losers(database, 0)
    failed = []
    thread = threading.Thread(target=lambda: failed.append(losers.close()))
    thread.start()
    thread.join()
    losers.close()
    assert failed == [None]


@pytest.mark.parametrize("content", [None, b"no database" * 1000, b""])
def test_what_is_no_database_of_losers(tmp_path, content):
    path = tmp_path / "losers.sqlite3"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(sqlite3.Error):
        Losers(str(path), 0)
    assert path.exists() == (content is not None)
