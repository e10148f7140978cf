import gzip
import os

import pyarrow as pa
import pytest

from pipelines import cut_json, cut_parquet
from pipelines.find_inputs import find_inputs
from pipelines.plan_splits import deal, plan_splits
from schemas.errors import Code, RefusedError
from schemas.inputs import Form, InputFile, Split
from tests.builders import write_parquet
from transforms.inputs.found import Reading
from transforms.read_rows import read_split

GOOD = {"person_id": "a", "person_name": "x", "face": b"A"}


def plan(*paths, columns=(), max_row_bytes=10_000, **options):
    return plan_splits(find_inputs(map(str, paths)), dict(columns), max_row_bytes, **options)


def refusal(path, **columns):
    with pytest.raises(RefusedError) as refused:
        plan(path, columns=columns)
    assert refused.value.code is Code.UNPROCESSABLE_CONTENT
    return refused.value.why.removeprefix(f"input {path}: ")


def read_all(planned, max_row_bytes=10_000):
    reading = Reading(max_row_bytes, collection="staff")
    return [row for split in planned.splits for row in read_split(reading, split)]


@pytest.fixture
def small_splits(monkeypatch):
    monkeypatch.setattr(cut_json, "SPLIT_BYTES", 200)


class TestParquet:
    def test_runs_of_row_groups(self, tmp_path, monkeypatch):
        people = [GOOD | {"person_id": f"{n:05}"} for n in range(95)]
        path = write_parquet(tmp_path / "a.parquet", people, 10)
        group = pa.parquet.read_metadata(path).row_group(0).total_byte_size
        monkeypatch.setattr(cut_parquet, "SPLIT_BYTES", 4 * group)
        planned = plan(path)
        assert [(each.start, each.end, each.first_row) for each in planned.splits] == [
            (0, 4, 0),
            (4, 8, 40),
            (8, 10, 80),
        ]
        assert planned.inputs == (InputFile(path, Form.PARQUET, os.path.getsize(path), 95),)
        assert planned.rows == 95
        rows = read_all(planned)
        assert [row.ref.row for row in rows] == list(range(95))
        assert [row.fields for row in rows] == people

    def test_a_file_without_rows(self, tmp_path):
        table = pa.Table.from_pylist([GOOD]).slice(0, 0)
        planned = plan(write_parquet(tmp_path / "a.parquet", table))
        assert planned.rows == 0
        assert read_all(planned) == []

    def test_columns_that_we_ignore_are_named(self, tmp_path):
        path = write_parquet(tmp_path / "a.parquet", [GOOD | {"EMP_NO": "7", "x": 1}])
        assert plan(path).unknown_fields == {"EMP_NO", "x"}
        assert plan(path, columns={"person_id": "EMP_NO"}).unknown_fields == {"person_id", "x"}

    def test_unusable_columns(self, tmp_path):
        path = write_parquet(tmp_path / "a.parquet", [{"EMP_NO": 7, "person_name": "x", "f": b"A"}])
        seen = "has columns EMP_NO (int64), person_name (string), f (binary); wanted "
        hint = (
            "; name yours with --column, as in --column person_id=EMP_NO, "
            "and cast ids of another type to string"
        )
        assert refusal(path) == (
            f"{seen}person_id (string), person_name (string) and one of "
            f"face_base_64 or face or face_uri{hint}"
        )
        assert refusal(path, person_id="EMP_NO", face="f") == (  # a number is no person_id
            f"{seen}EMP_NO (string), person_name (string) and one of "
            f"face_base_64 or f or face_uri{hint}"
        )

    def test_a_named_column_that_is_not_there(self, tmp_path):
        """Without it, all persons would lose their metadata."""
        path = write_parquet(tmp_path / "a.parquet", [GOOD | {"data": "{}"}])
        assert refusal(path, metadata="dta") == (
            "has columns person_id (string), person_name (string), face (binary), data (string); "
            "none is the one of --column metadata=dta"
        )

    def test_a_named_face_may_be_that_of_other_files(self, tmp_path):
        path = write_parquet(tmp_path / "a.parquet", [GOOD])
        assert plan(path, columns={"face_base_64": "photo"}).rows == 1

    @pytest.mark.parametrize("left_out", [("person_id",), ("person_name",), ("face",), tuple(GOOD)])
    def test_each_column_is_needed(self, tmp_path, left_out):
        row = {"other": 1} | {key: each for key, each in GOOD.items() if key not in left_out}
        path = write_parquet(tmp_path / "a.parquet", [row])
        assert refusal(path).startswith("has columns other (int64)")

    def test_a_file_of_no_columns(self, tmp_path):
        path = write_parquet(tmp_path / "a.parquet", pa.table({}))
        assert refusal(path).startswith("has columns none; wanted person_id (string)")

    @pytest.mark.parametrize(
        "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())], ids=str
    )
    def test_text_of_any_kind_will_do(self, tmp_path, kind):
        table = pa.table(
            {name: pa.array(["a"]).cast(kind) for name in ("person_id", "person_name")}
        )
        table = table.append_column("face", pa.array([b"A"]))
        [row] = read_all(plan(write_parquet(tmp_path / "a.parquet", table)))
        assert row.fields == {"person_id": "a", "person_name": "a", "face": b"A"}

    def test_a_column_that_stands_twice(self, tmp_path):
        values = [pa.array(["a"])] * 4
        table = pa.Table.from_arrays(values, ["person_id", "person_name", "face", "person_id"])
        path = write_parquet(tmp_path / "a.parquet", table)
        assert refusal(path) == "has the column person_id more than once; rename or drop one"

    def test_a_column_whose_name_is_no_text(self, tmp_path):
        path = tmp_path / "a.parquet"
        write_parquet(path, [GOOD | {"zzzz": 1}])
        path.write_bytes(path.read_bytes().replace(b"zzzz", b"z\xffzz"))
        assert refusal(path).startswith("is not a readable Parquet file")

    @pytest.mark.parametrize("column", ["metadata", "tags"])
    def test_texts_that_cannot_be_read(self, tmp_path, column):
        """Arrow would hold each of them in full, however few bytes all of them share."""
        path = tmp_path / "a.parquet"
        texts = pa.array([[("k", "v")]], pa.map_(pa.string(), pa.string()))
        whole = pa.Table.from_pylist([GOOD]).append_column(column, texts)
        encodings = {f"{column}.key_value.value": "DELTA_BYTE_ARRAY"}
        pa.parquet.write_table(whole, path, use_dictionary=False, column_encoding=encodings)
        if column == "tags":  # not ours, and not read
            assert [row.fault for row in read_all(plan(path))] == [None]
        else:
            assert refusal(path) == (
                "holds texts of metadata (map) as DELTA_BYTE_ARRAY, which cannot be read within "
                "another type; write it as Parquet's version 1 (of Spark, with "
                "parquet.writer.version=v1)"
            )

    def test_too_little_memory_is_no_fault_of_the_file(self, tmp_path, monkeypatch):
        def full(*_):
            raise pa.ArrowMemoryError

        monkeypatch.setattr(cut_parquet, "open_parquet", full)
        path = write_parquet(tmp_path / "a.parquet", [GOOD])
        with pytest.raises(MemoryError):
            plan(path)

    @pytest.mark.parametrize("kept", [0, 3, 100, -1, -8])
    def test_no_footer(self, tmp_path, kept):
        path = tmp_path / "a.parquet"
        write_parquet(path, [GOOD])
        path.write_bytes(path.read_bytes()[:kept])
        assert refusal(path) == (
            "is not a readable Parquet file (its footer is cut, it is encrypted, or a column is "
            "of a kind that Arrow does not read); write or copy it again"
        )


@pytest.mark.parametrize("name", ["a.parquet", "a.json", "a.jsonl"])
def test_a_file_that_may_not_be_opened(tmp_path, monkeypatch, name):
    def forbid(*_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / name).write_bytes(b"{}")
    monkeypatch.setattr(cut_parquet, "open_raw", forbid)
    monkeypatch.setattr(cut_json, "open_lines", forbid)
    assert refusal(tmp_path / name) == "cannot be opened: permission denied"


class TestLines:
    lines = tuple(b'{"person_id": "%d"}' % n + b" " * (n % 40) + b"\n" for n in range(100))

    def test_byte_ranges_hold_every_row_once(self, tmp_path, small_splits):
        path = tmp_path / "a.jsonl"
        path.write_bytes(b"".join(self.lines))
        planned = plan(path)
        assert len(planned.splits) > 10
        assert planned.rows == 100
        for split, following in zip(planned.splits, planned.splits[1:], strict=False):
            assert split.end == following.start == sum(map(len, self.lines[: following.first_row]))
            assert split.end - split.start >= 200
        assert planned.splits[0].start == 0
        assert planned.splits[-1].end == path.stat().st_size
        rows = read_all(planned)
        assert [row.ref.row for row in rows] == list(range(100))
        assert [row.fields for row in rows] == [{"person_id": f"{n}"} for n in range(100)]

    def test_blank_and_long_lines_keep_their_numbers(self, tmp_path, small_splits):
        path = tmp_path / "a.jsonl"
        long = b'{"person_id": "' + b"a" * 1000 + b'"}\r\n'
        path.write_bytes(b"\xef\xbb\xbf\n" + b"".join([*self.lines, b"\n", long] * 3) + b"{}")
        planned = plan(path, max_row_bytes=100)
        rows = read_all(planned, max_row_bytes=100)
        assert planned.rows == len(rows) == 304
        assert [row.ref.row for row in rows if row.fault] == [102, 204, 306]
        assert rows[-1].ref.row == 307

    @pytest.mark.parametrize("content", [b"", b"\n\n"], ids=["empty", "blank"])
    def test_no_rows(self, tmp_path, content):
        path = tmp_path / "a.jsonl"
        path.write_bytes(content)
        assert plan(path).rows == 0
        assert read_all(plan(path)) == []

    def test_a_compressed_file_is_not_cut(self, tmp_path, small_splits):
        path = tmp_path / "a.jsonl.gz"
        path.write_bytes(gzip.compress(b"".join(self.lines)))
        planned = plan(path)
        assert [(each.start, each.end) for each in planned.splits] == [(0, -1)]
        assert sorted(row.ref.row for row in read_all(planned)) == list(range(100))

    def test_damage_is_no_row(self, tmp_path):
        path = tmp_path / "a.jsonl.gz"
        path.write_bytes(gzip.compress(b"".join(self.lines)) + b"garbage")
        planned = plan(path)
        assert planned.rows == 100
        assert len(read_all(planned)) == 101


def split(number, end=100):
    return Split(f"{number}.jsonl", f"/{number}.jsonl", Form.JSONL, 0, end, 0, 5)


class TestDealing:
    def test_many_splits_stay_whole(self):
        splits = [split(number) for number in range(8)]
        assert list(deal(splits, 2)) == splits

    def test_each_worker_gets_as_many(self):
        splits = [split(number) for number in range(13)]
        dealt = list(deal(splits, 3))
        assert dealt[:12] == splits[:12]
        assert [(each.source, each.part, each.parts) for each in dealt[12:]] == [
            ("12.jsonl", part, 3) for part in range(3)
        ]

    def test_few_splits_go_to_all_workers(self):
        dealt = list(deal([split(0), split(1)], 3))
        assert [(each.source, each.part, each.parts) for each in dealt] == [
            (f"{number}.jsonl", part, 3) for number in range(2) for part in range(3)
        ]

    def test_a_file_that_cannot_be_cut_always_does(self):
        packed = Split("0.jsonl.gz", "/0.jsonl.gz", Form.JSONL, 0, -1, 0, 5)
        dealt = list(deal([packed, *(split(number) for number in range(1, 9))], 2))
        assert [(each.source, each.parts) for each in dealt] == [
            *((f"{number}.jsonl", 1) for number in range(1, 9)),
            *[("0.jsonl.gz", 2)] * 2,
        ]

    def test_one_worker_takes_all(self):
        assert list(deal([split(0, -1)], 1)) == [split(0, -1)]


def test_several_inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_parquet(tmp_path / "a.parquet", [GOOD] * 3)
    (tmp_path / "b.jsonl").write_bytes(b'{"person_id": "b"}\n')
    (tmp_path / "c.txt").write_bytes(b"")
    planned = plan(".")
    assert [(each.source, each.rows) for each in planned.inputs] == [
        ("./a.parquet", 3),
        ("./b.jsonl", 1),
    ]
    assert [each.source for each in planned.splits] == ["./a.parquet", "./b.jsonl"]
    assert [each.path for each in planned.splits] == [
        f"{tmp_path}/a.parquet",
        f"{tmp_path}/b.jsonl",
    ]
    assert planned.skipped_files == ("./c.txt",)
    assert planned.rows == 4
