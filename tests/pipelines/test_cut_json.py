import gzip
import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines import cut_json
from pipelines.find_inputs import find_inputs
from pipelines.plan_splits import deal, plan_splits
from schemas.errors import Code, RefusedError
from schemas.inputs import Form
from tests.builders import COMPRESS
from transforms.inputs.found import Reading
from transforms.read_rows import read_split

BOM = b"\xef\xbb\xbf"
INFINITE = float("inf")
ROW = b'{"person_id": "a"}'
MAX_ROW_BYTES = 400
INTO = {"guests": None}


def body(number, collection="guests", size=1):
    persons = [{"person_id": "x" * size} for n in range(number)]
    head = {"collection_name": collection, "face_storage_type": "NoStorage"}
    return json.dumps(head | {"persons": persons}).encode()


@contextmanager
def small_sizes(split=100, long=150):
    with (
        patch.object(cut_json, "SPLIT_BYTES", split),
        patch.object(cut_json, "_LONG_BODY_BYTES", long),
        patch.object(cut_json, "_LONG_BODY_BYTES_COMPRESSED", long),
    ):
        yield


def cut(path, rows_expected=True, limit=INFINITE):
    return cut_json.cut_lines(path, MAX_ROW_BYTES, rows_expected, limit)


def read(splits):
    reading = Reading(MAX_ROW_BYTES, collection="staff", bodies_into=INTO)
    return [row for split in splits for row in read_split(reading, split)]


def places(rows):
    return [(row.ref.request, row.ref.row) for row in rows]


def requests_of(cuts):
    requests = cuts.requests
    return +requests.faulty, requests.into, [head.request for _, head in requests.empty]


class TestABodyAlone:
    def cut(self, tmp_path, content):
        path = tmp_path / "in.json"
        path.write_bytes(content)
        return cut_json.cut_json(str(path), MAX_ROW_BYTES)

    @pytest.mark.parametrize("start", [b"", BOM, b"\n\n"])
    def test_is_cut_between_persons(self, tmp_path, start):
        content = start + body(50, size=20)
        with small_sizes():
            cuts = self.cut(tmp_path, content)
        assert len(cuts.splits) > 10
        row = 0
        for split in cuts.splits:
            assert (split.form, split.end, split.first_row) == (Form.JSON, -1, row)
            assert content[split.start :].startswith(b'{"person_id"')
            row += split.rows
        assert row == 50
        starts = [split.start for split in cuts.splits]
        assert all(100 <= after - before < 150 for before, after in pairwise(starts))
        assert (cuts.person_rows, cuts.unknown_fields) == (0, frozenset())
        assert requests_of(cuts) == (Counter(), {"guests": 1}, [])
        assert places(read(cuts.splits)) == [(0, n) for n in range(50)]

    def test_without_persons(self, tmp_path):
        cuts = self.cut(tmp_path, body(0))
        assert (cuts.splits, cuts.person_rows) == ((), 0)
        assert requests_of(cuts) == (Counter(), {"guests": 1}, [0])

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", body(9)[:-1], b"{}", ROW])
    def test_that_is_malformed_is_one_row(self, tmp_path, content):
        with small_sizes():
            cuts = self.cut(tmp_path, content)
        [split] = cuts.splits
        assert (split.start, split.end, split.rows, split.body.malformed) == (0, -1, 1, True)
        assert requests_of(cuts) == ({Code.UNPROCESSABLE_CONTENT: 1}, {}, [])
        assert places(read(cuts.splits)) == [(0, None)]

    def test_that_is_refused_has_its_persons(self, tmp_path):
        cuts = self.cut(tmp_path, body(3, "a b"))
        assert requests_of(cuts) == ({Code.INVALID_COLLECTION_NAME: 1}, {}, [])
        assert places(read(cuts.splits)) == [(0, n) for n in range(3)]

    def test_names_other_fields(self, tmp_path):
        assert self.cut(tmp_path, b'{"x": 1, ' + body(1)[1:]).unknown_fields == {"x"}

    def test_that_is_gone(self, tmp_path):
        with pytest.raises(RefusedError):
            cut_json.cut_json(str(tmp_path / "gone.json"), MAX_ROW_BYTES)


class TestLines:
    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (gzip.compress(ROW), "gzip"),
            (b"PAR1" + bytes(9), "Parquet"),
            (ROW.decode().encode("utf-16"), "text in UTF-16"),
        ],
        ids=["gzip", "parquet", "utf-16"],
    )
    @pytest.mark.parametrize("rows_expected", [False, True])
    def test_that_are_another_kind_of_file(self, tmp_path, content, kind, rows_expected):
        """Each of its lines would be a row that is no JSON."""
        path = tmp_path / "a.jsonl"
        path.write_bytes(content)
        with pytest.raises(RefusedError) as refused:
            cut_json.cut_lines(str(path), MAX_ROW_BYTES, rows_expected, float("inf"))
        assert refused.value.why == (
            f"input {path}: is {kind}; expected lines of JSON in UTF-8: name it as what it is, or "
            "convert it"
        )

    def test_bodies_and_rows_are_counted(self, write):
        lines = [ROW, body(2), body(0), b"", body(3, "other"), body(1, "a b"), body(1)[:-1], ROW]
        cuts = cut(write(*lines))
        assert cuts.person_rows == 2
        assert requests_of(cuts) == (
            {Code.INVALID_COLLECTION_NAME: 1, Code.UNPROCESSABLE_CONTENT: 1},
            {"guests": 2, "other": 1},
            [2],
        )
        assert cuts.requests.number == 5
        assert cuts.requests.refused(INTO) == {
            Code.INVALID_COLLECTION_NAME: 1,
            Code.UNPROCESSABLE_CONTENT: 1,
            Code.NOT_FOUND: 1,
        }
        assert sum(split.rows for split in cuts.splits) == 9

    def test_every_byte_is_covered_once(self, write):
        lines = (
            [ROW] * 20 + [body(1)] * 5 + [body(9)] + [b"", b" "] + [body(9), body(0)] + [ROW] * 9
        )
        path = write(*lines)
        content = Path(path).read_bytes()
        with small_sizes():
            cuts = cut(path)
        at = line = 0
        for split in cuts.splits:
            if split.body is None:
                assert content[at : split.start].strip() == b""
                assert content[: split.start].count(b"\n") == split.first_row
                at = split.end
            else:
                assert content[split.start :].startswith(b'{"person_id"')
                line = content[: split.start].count(b"\n")
                assert split.body.request == line
                assert split.end == sum(len(each) + 1 for each in lines[: line + 1])
                at = max(at, split.end)
        assert at == len(content)
        assert sum(split.rows for split in cuts.splits) == 20 + 5 + 9 + 9 + 9

    @pytest.mark.parametrize("suffix", COMPRESS)
    @pytest.mark.parametrize("limit", range(1, 9))
    def test_a_limit_ends_it(self, write, suffix, limit):
        path = write(ROW, body(2), b"{", body(3, size=50), ROW, suffix=suffix)
        with small_sizes():
            planned = plan_splits(find_inputs([path]), {}, MAX_ROW_BYTES, limit=limit)
        everything = [(None, 0), (1, 0), (1, 1), (None, 2), (3, 0), (3, 1), (3, 2), (None, 4)]
        assert places(read(planned.splits)) == everything[:limit]
        assert planned.rows == limit
        assert planned.cut_short == (limit < len(everything))

    @pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
    def test_long_bodies_of_a_compressed_file(self, write, suffix):
        path = write(ROW, body(20), ROW, body(2), body(30), suffix=suffix)
        with small_sizes():
            cuts = cut(path)
        assert len(cuts.splits) > 5
        assert [split.end for split in cuts.splits if split.body is None][-1] == -1
        assert places(read(cuts.splits)) == [
            (None, 0),
            *((1, n) for n in range(20)),
            (None, 2),
            *((3, n) for n in range(2)),
            *((4, n) for n in range(30)),
        ]

    @pytest.mark.parametrize("number", [2, 50])
    @pytest.mark.parametrize("before", [[ROW], [ROW, body(20), ROW], [body(20)]], ids=len)
    def test_a_break_within_a_body(self, write, number, before):
        path = Path(write(*before, suffix=".jsonl.gz"))
        expected = places(read(cut(str(path)).splits))
        rest = gzip.compress(body(number, size=40), 0)
        path.write_bytes(path.read_bytes() + rest[: len(rest) - 30])
        with small_sizes():
            cuts = cut(str(path))
        rows = read(cuts.splits)
        assert places(rows) == [*expected, (None, None)]
        assert rows[-1].fault.detail == "truncated_input"
        assert sum(split.rows for split in cuts.splits) == len(expected)

    @pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
    def test_what_is_not_compressed_is_refused(self, tmp_path, suffix):
        path = tmp_path / f"in{suffix}"
        path.write_bytes(body(20) + b"\n")
        with pytest.raises(RefusedError):
            cut(str(path))


# What stands in a line: its rows; whether it is a body; whether a row, where rows are expected, and
# where none are.
@dataclass(frozen=True)
class Kind:
    content: bytes
    rows: int = 1
    is_body: bool = False
    readable: tuple[bool, bool] = (False, False)


LONG = b" " * 500
GOOD_ROWS = [
    Kind(each, readable=(True, True)) for each in (ROW, ROW + LONG, b'{"a": {"persons": 1}}')
]
BODIES = [
    *(Kind(body(number), number, True) for number in (0, 1, 9)),
    *(Kind(body(number)[:1] + LONG + body(number)[1:], number, True) for number in (0, 9)),
    Kind(body(3, size=300), 3, True),
    Kind(body(3, size=500), 3, True),
    Kind(body(2, "a b"), 2, True),
    *(Kind(body(number)[:-1], 1, True) for number in (1, 20)),
    Kind(b'{"persons": 3}', 1, True),
    Kind(b'{"persons": [' + LONG, 1, True),
]
BROKEN = [
    *(Kind(each) for each in (b"{", b"[1]", b"7", b"\xff", b'{"persons"', b"[" * 500, b"x" + LONG)),
    *(Kind(each, readable=(True, False)) for each in (b"{]}", b'{"a": NaN}')),
]
BLANK = [Kind(each, 0) for each in (b"", b" \t\r")]


def expected_places(lines, rows_expected):
    """(request, row) of each row, and how many are of no body."""
    loose = [each for each in lines if not each.is_body and each not in BLANK]
    bodies = any(each.is_body for each in lines)
    closely = bodies or not rows_expected
    good = any(each.readable[closely] for each in loose)
    broken_are_bodies = not good and (bodies or not rows_expected)
    found = []
    for number, kind in enumerate(lines):
        if kind in BLANK:
            continue
        if kind.is_body:
            malformed = kind.content[-1:] != b"}" or b"[" not in kind.content
            found += [(number, None)] if malformed else [(number, n) for n in range(kind.rows)]
        else:
            found.append((number, None) if broken_are_bodies else (None, number))
    return found, 0 if broken_are_bodies else len(loose)


kinds = st.sampled_from([*GOOD_ROWS, *BODIES, *BROKEN, *BLANK])
without_rows = st.sampled_from([*BODIES, *BROKEN, *BLANK])
mixes = st.lists(kinds, max_size=12) | st.lists(without_rows, max_size=8)


@settings(max_examples=150, deadline=None)
@given(mixes, st.sampled_from([*COMPRESS]), st.booleans(), st.integers(1, 3), st.booleans())
@example([BROKEN[0]], ".jsonl", True, 1, True)
@example([BROKEN[0], BODIES[0]], ".jsonl", True, 1, True)
@example([BROKEN[0]], ".jsonl", False, 1, True)
def test_what_is_planned_is_read(lines, suffix, rows_expected, parts, ends):
    expected, person_rows = expected_places(lines, rows_expected)
    content = b"\n".join(each.content for each in lines) + (b"\n" if ends else b"")
    with TemporaryDirectory() as folder, small_sizes():
        path = Path(folder, f"in{suffix}")
        path.write_bytes(COMPRESS[suffix](content))
        planned = plan_splits(find_inputs([str(path)]), {}, MAX_ROW_BYTES, rows_expected)
        rows = read(deal(planned.splits, parts))
    found = sorted(
        places(rows), key=lambda each: (each[1] if each[0] is None else each[0], each[1] or 0)
    )
    assert found == expected
    assert (planned.rows, planned.person_rows) == (len(expected), person_rows)
    number = sum(each.is_body for each in lines)
    if person_rows == 0:
        number = sum(each not in BLANK for each in lines)
    assert planned.requests.number == planned.inputs[0].requests == number
    assert all(row.fault for row in rows if row.ref.row is None)


@pytest.mark.parametrize(
    ("lines", "rows_expected", "are_bodies"),
    [
        ([b"{"], True, False),
        ([b"{"], False, True),
        ([b"{", body(1)], True, True),
        ([b"{", body(0)], True, True),
        ([b"{", body(1)[:-1]], True, True),
        ([b"{", body(1), ROW], True, False),
        ([b"{", body(1), ROW], False, False),
        ([b"{", body(1), b"{]}"], True, True),  # although it looks like a row
        ([b"{", body(1), b"{]}"], False, True),
        ([b"{", b"{]}"], True, False),
        ([b"{", b"x" * 500, body(1)], True, True),
        ([b"{", b'{"x": "' + b"x" * 500 + b'"}', body(1)], False, False),
    ],
)
def test_what_a_broken_line_counts_as(write, lines, rows_expected, are_bodies):
    cuts = cut(write(*lines), rows_expected)
    assert {split.broken_are_bodies for split in cuts.splits} == {are_bodies}
    first = read(cuts.splits)[0]
    assert (first.ref.request, first.ref.row) == ((0, None) if are_bodies else (None, 0))
    assert first.ref.collection == ("" if are_bodies else "staff")
    assert first.fault.detail == "not_json"
