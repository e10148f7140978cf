import json
from unittest.mock import patch

import pytest

from pipelines import cut_json
from pipelines.find_inputs import find_inputs
from pipelines.plan_splits import deal, plan_splits
from schemas.errors import Code, Fault
from schemas.options import FaceStorageType
from schemas.records import FilePiece, RowRef
from tests.builders import COMPRESS
from transforms.inputs.found import Reading
from transforms.read_rows import read_split
from transforms.rejected_files import RejectedFiles

BOM = b"\xef\xbb\xbf"
PACK = {".json": bytes, **COMPRESS}
PERSONS = [{"person_id": f"{n}", "metadata": {"é": "[{" + "x" * (n % 7)}} for n in range(150)]
ROW = {"person_id": "alone"}
INTO = {"guests": None, "other": Code.MODEL_MISMATCH}


def body(persons, collection="guests", storage="StoreThumbnails", **fields):
    head = {"collection_name": collection, "face_storage_type": storage}
    return head | fields | {"persons": persons}


def text(value, **style):
    return value if isinstance(value, bytes) else json.dumps(value, **style).encode()


@pytest.fixture(params=["whole", "cut"])
def sizes(request):
    """Whether files are cut into many splits."""
    if request.param == "whole":
        yield
        return
    with (
        patch.object(cut_json, "SPLIT_BYTES", 300),
        patch.object(cut_json, "_LONG_BODY_BYTES", 500),
        patch.object(cut_json, "_LONG_BODY_BYTES_COMPRESSED", 500),
    ):
        yield


@pytest.fixture
def read(tmp_path):
    """Writes a file of these lines and reads it: the rows of each part, in input order."""

    def write_and_read(*lines, suffix=".jsonl", parts=1, max_row_bytes=10_000, keep_raw=False):
        path = tmp_path / f"in{suffix}"
        path.write_bytes(PACK[suffix](b"\n".join(map(text, lines))))
        reading = Reading(max_row_bytes, collection="staff", bodies_into=INTO, keep_raw=keep_raw)
        planned = plan_splits(find_inputs([str(path)]), {}, max_row_bytes)
        rows = [
            (row, each) for each in deal(planned.splits, parts) for row in read_split(reading, each)
        ]
        assert len(rows) == planned.rows
        assert all(split.keeps(row.ref) for row, split in rows)
        assert {row.ref.source for row, _ in rows} <= {str(path)}
        return sorted((row for row, _ in rows), key=lambda row: place(row))

    return write_and_read


def place(row):
    line = row.ref.row if row.ref.request is None else row.ref.request
    return line, row.ref.row or 0


def refs(rows):
    return [(row.ref.request, row.ref.row, row.ref.collection) for row in rows]


def faults(rows):
    return [row.fault and (row.fault.detail or row.fault.code) for row in rows]


@pytest.mark.usefixtures("sizes")
class TestThePersonsOfABody:
    def check(self, rows, request=0, persons=PERSONS):
        assert refs(rows) == [(request, n, "guests") for n in range(len(persons))]
        assert [row.fields for row in rows] == persons
        assert {row.face_storage_type for row in rows} <= {FaceStorageType.THUMBNAILS}
        assert {row.fault for row in rows} <= {None}

    @pytest.mark.parametrize("parts", [1, 2, 3, 4])
    @pytest.mark.parametrize("suffix", PACK)
    def test_are_the_same_in_every_form(self, read, suffix, parts):
        self.check(read(body(PERSONS), suffix=suffix, parts=parts))

    @pytest.mark.parametrize("style", [{"indent": 2}, {"indent": "\t", "ensure_ascii": False}])
    def test_are_the_same_in_every_style(self, read, style):
        self.check(read(text(body(PERSONS), **style), suffix=".json", parts=2))

    @pytest.mark.parametrize("suffix", [".json", ".jsonl", ".jsonl.gz"])
    def test_stand_behind_a_byte_order_mark(self, read, suffix):
        self.check(read(BOM + text(body(PERSONS)), suffix=suffix, parts=2))

    @pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
    @pytest.mark.parametrize("parts", [1, 3])
    def test_stand_among_rows(self, read, suffix, parts):
        lines = [ROW, b"", body(PERSONS), ROW, b"{", body([]), body(PERSONS[:2]), ROW]
        rows = read(*lines, suffix=suffix, parts=parts)
        self.check([row for row in rows if row.ref.request == 2], 2)
        self.check([row for row in rows if row.ref.request == 6], 6, PERSONS[:2])
        others = [row for row in rows if row.ref.request not in (2, 6)]
        assert refs(others) == [(None, n, "staff") for n in (0, 3, 4, 7)]
        assert [row.fields for row in others] == [ROW, ROW, {}, ROW]
        assert faults(others) == [None, None, "not_json", None]
        assert {row.face_storage_type for row in others} == {FaceStorageType.NO_STORAGE}

    @pytest.mark.parametrize("suffix", PACK)
    def test_have_their_own_faults(self, read, suffix):
        large = {"person_id": "x" * 2000}
        deep = b"[" * 70 + b"]" * 70
        persons = [{"person_id": "a"}, large, 3, "deep", {"person_id": "b"}]
        content = text(body(persons)).replace(b'"deep"', deep)
        rows = read(content, suffix=suffix, max_row_bytes=1000)
        assert faults(rows) == [None, "too_large", "not_json", "too_deep", None]
        assert [row.fields for row in rows] == [persons[0], {}, {}, {}, persons[4]]
        assert refs(rows) == [(0, n, "guests") for n in range(5)]

    @pytest.mark.parametrize("suffix", [".json", ".jsonl"])
    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"collection": "other"}, Fault(Code.MODEL_MISMATCH)),
            ({"collection": "nowhere"}, Fault(Code.NOT_FOUND)),
            ({"collection": "a b"}, Fault(Code.INVALID_COLLECTION_NAME)),
            ({"collection": 7}, Fault(Code.UNPROCESSABLE_CONTENT, "collection_name")),
            ({"storage": "all"}, Fault(Code.UNPROCESSABLE_CONTENT, "face_storage_type")),
        ],
    )
    def test_share_the_fault_of_their_body(self, read, suffix, changes, fault):
        rows = read(body(PERSONS, **changes), suffix=suffix, parts=2)
        assert [row.fields for row in rows] == PERSONS
        assert {row.fault for row in rows} == {fault}
        collection = changes.get("collection", "guests")
        assert refs(rows)[-1] == (0, 149, "" if collection == 7 else collection)

    @pytest.mark.parametrize("suffix", PACK)
    @pytest.mark.parametrize("parts", [1, 3])
    def test_are_one_row_where_they_cannot_be_told_apart(self, read, suffix, parts):
        rows = read(text(body(PERSONS))[:-1], suffix=suffix, parts=parts)
        assert (refs(rows), faults(rows)) == ([(0, None, "guests")], ["not_json"])


@pytest.mark.usefixtures("sizes")
class TestWhatIsKept:
    """A rejected person, written as a body of his own, is read again as the same person."""

    def again(self, read, tmp_path, rows, **options):
        folder = tmp_path / "rejected"
        folder.mkdir()
        files = RejectedFiles(folder)
        for row in rows:
            files.add(row.ref)
        files.close()
        lines = [
            line for path in sorted(folder.iterdir()) for line in path.read_bytes().splitlines()
        ]
        assert len(lines) == len(rows)
        return read(*lines, **options)

    @pytest.mark.parametrize("suffix", PACK)
    @pytest.mark.parametrize(
        "changes", [{}, {"collection": None}, {"collection": ["é", {}]}, {"storage": "\ud800"}]
    )
    def test_persons(self, read, tmp_path, suffix, changes):
        style = {"indent": 1} if suffix == ".json" else {}
        content = text(body(PERSONS[:20], **changes), **style)
        rows = read(content, suffix=suffix, keep_raw=True)
        again = self.again(read, tmp_path, rows)
        assert [(row.fields, row.face_storage_type, row.fault) for row in again] == [
            (row.fields, row.face_storage_type, row.fault) for row in rows
        ]
        assert refs(again) == [(n, 0, row.ref.collection) for n, row in enumerate(rows)]
        assert faults(again) == [({} if not changes else faults(rows)[0]) or None] * 20

    @pytest.mark.parametrize("suffix", PACK)
    @pytest.mark.parametrize("bom", [b"", BOM])
    def test_what_is_too_large_is_copied(self, read, tmp_path, suffix, bom):
        persons = [PERSONS[0], {"person_id": "x" * 2000}, PERSONS[1]]
        content = bom + text(body(persons, x=1), **({"indent": 1} if suffix == ".json" else {}))
        rows = read(content, suffix=suffix, max_row_bytes=1000, keep_raw=True)
        assert faults(rows) == [None, "too_large", None]
        assert isinstance(rows[1].ref.raw, FilePiece)
        again = self.again(read, tmp_path, rows, max_row_bytes=5000)
        assert [row.fields for row in again] == persons
        assert faults(again) == [None, None, None]

    @pytest.mark.parametrize("suffix", PACK)
    def test_a_malformed_body_is_kept_whole(self, read, tmp_path, suffix):
        style = {"indent": 1} if suffix == ".json" else {}
        content = text(body(PERSONS), **style)[:-1]
        again = self.again(read, tmp_path, read(content, suffix=suffix, keep_raw=True))
        assert (refs(again), faults(again)) == ([(0, None, "guests")], ["not_json"])

    def test_rows(self, read, tmp_path):
        lines = [BOM + text(ROW), b"{", b'{"person_id": "' + b"x" * 2000 + b'"}\r', ROW]
        rows = read(*lines, max_row_bytes=1000, keep_raw=True)
        again = self.again(read, tmp_path, rows, max_row_bytes=3000)
        assert faults(again) == [None, "not_json", None, None]
        assert [row.fields.get("person_id") for row in again] == [
            "alone",
            None,
            "x" * 2000,
            "alone",
        ]

    def test_nothing_unless_it_is_asked_for(self, read):
        rows = read(body(PERSONS), ROW, b"{")
        assert {row.ref.raw for row in rows} == {None}


@pytest.mark.parametrize("left", [0, 1, 2])
def test_lines_that_go_after_planning_are_damage(tmp_path, left):
    path = tmp_path / "in.jsonl"
    lines = [text(each) + b"\n" for each in PERSONS]
    path.write_bytes(b"".join(lines))
    planned = plan_splits(find_inputs([str(path)]), {}, 10_000)
    path.write_bytes(b"".join(lines[:left]))
    rows = [row for split in planned.splits for row in read_split(Reading(10_000), split)]
    assert [each.fields for each in rows[:left]] == PERSONS[:left]
    assert (rows[left].ref.row, faults(rows)[left:]) == (None, ["truncated_input"])


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_body_that_changes_after_planning_is_damage(tmp_path, suffix):
    path = tmp_path / f"in{suffix}"
    path.write_bytes(text(body(PERSONS)))
    with patch.object(cut_json, "_LONG_BODY_BYTES", 500):
        planned = plan_splits(find_inputs([str(path)]), {}, 10_000)
    path.write_bytes(path.read_bytes()[:-30])
    reading = Reading(10_000, bodies_into=INTO)
    rows = [row for split in planned.splits for row in read_split(reading, split)]
    assert rows[0].fields == PERSONS[0]
    assert (rows[-1].ref, faults(rows)[-1]) == (RowRef(str(path), None, ""), "truncated_input")
