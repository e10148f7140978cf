import io
import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.inputs import BLOCK_ROWS, Form, Split
from schemas.records import RowRef
from tests.builders import COMPRESS, write_parquet
from transforms import metrics
from transforms.inputs import parquet_splits
from transforms.inputs.found import Reading
from transforms.inputs.json_rows import RepeatedKeys
from transforms.read_rows import _ReadFn, read_split
from transforms.run_state import RUN_STATE
from transforms.turns import ALONE


def reader(max_row_bytes=10_000, **columns):
    return Reading(max_row_bytes, columns, "staff")


def read(path, groups=-1, read_with=None, part=0, parts=1):
    """The rows of a part of the whole file. groups: row groups, where it is a Parquet file."""
    form, end = (Form.PARQUET, groups) if path.endswith(".parquet") else (Form.JSONL, -1)
    split = Split("given", path, form, 0, end, 0, 0, part=part, parts=parts)
    return list(read_split(read_with or reader(), split))


def detail(row):
    return row.fault and row.fault.detail


def numbers(rows):
    return [row.ref.row for row in rows]


@pytest.mark.parametrize("suffix", COMPRESS)
def test_lines_become_rows(write, suffix):
    path = write(
        b'{"person_id": "a", "face_base_64": "QQ=="}', b'{"person_id": "b"}', suffix=suffix
    )
    first, second = read(path)
    assert first.ref == RowRef("given", 0, "staff")
    assert first.fields == {"person_id": "a", "face_base_64": "QQ=="}
    assert second.ref == RowRef("given", 1, "staff")
    assert second.fields == {"person_id": "b"}
    assert first.fault is second.fault is None


def test_parquet_rows_are_the_same_rows(tmp_path):
    people = [{"person_id": f"{n}", "person_name": "x", "face": b"A"} for n in range(5)]
    rows = read(write_parquet(tmp_path / "a.parquet", people, 2), 3)
    assert [row.fields for row in rows] == people
    assert [row.ref for row in rows] == [RowRef("given", n, "staff") for n in range(5)]


def test_blank_lines_are_no_rows_but_count(write):
    rows = read(write(b"", b'{"person_id": "a"}', b" \t\r", b"", b'{"person_id": "b"}'))
    assert numbers(rows) == [1, 4]


def test_a_bom_is_no_part_of_the_first_row(write):
    assert read(write(b'\xef\xbb\xbf{"person_id": "a"}'))[0].fields == {"person_id": "a"}


def test_a_bad_line_fails_alone(write):
    lines = [
        b'{"person_id": "a"}',
        b"{",
        b"[" * 70,
        b'{"person_id": "b"}',
        b'{"person_id": "\xff"}',
    ]
    assert [(row.ref.row, detail(row)) for row in read(write(*lines))] == [
        (0, None),
        (1, "not_json"),
        (2, "too_deep"),
        (3, None),
        (4, "not_json"),
    ]


def test_a_line_that_is_too_long(write):
    lines = [b'{"person_id": "' + b"a" * size + b'"}' for size in (1, 83, 84, 100_000, 1)]
    rows = read(write(*lines), read_with=reader(max_row_bytes=100))
    assert [detail(row) for row in rows] == [None, None, "too_large", "too_large", None]
    assert rows[2].fields == {}


def test_a_parquet_row_that_is_too_large_keeps_its_id(tmp_path):
    people = [{"person_id": "a", "face": bytes(99)}, {"person_id": "b", "face": bytes(100)}]
    path = write_parquet(tmp_path / "a.parquet", people)
    small, large = read(path, 1, reader(max_row_bytes=100))
    assert (small.fault, small.fields["face"]) == (None, bytes(99))
    assert (detail(large), large.fields) == ("too_large", {"person_id": "b"})


def test_a_row_tells_how_many_bytes_it_holds(tmp_path, write):
    line = b'{"person_id": "a", "metadata": {"note": "%s"}}' % (b"x" * 5000)
    [row] = read(write(line))
    assert len(line) <= row.size <= len(line) + 1
    [row] = read(write_parquet(tmp_path / "a.parquet", [json.loads(line)]), 1)
    assert 5000 < row.size < 6000


class TestColumns:
    line = b'{"EMP_NO": "7", "person_id": "other", "face": "QQ==", "extra": 1}'

    def test_a_field_is_read_under_another_name(self, write):
        [row] = read(write(self.line), read_with=reader(person_id="EMP_NO"))
        assert row.fields == {"person_id": "7"}

    def test_in_parquet_as_well(self, tmp_path):
        path = write_parquet(tmp_path / "a.parquet", [json.loads(self.line)])
        [row] = read(path, 1, reader(person_id="EMP_NO"))
        assert row.fields == {"person_id": "7", "face": "QQ=="}

    @pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
    def test_one_name_may_serve_two_fields(self, tmp_path, write, suffix):
        people = [{"person_id": "7"}]
        path = (
            write(json.dumps(people[0]).encode())
            if suffix == ".jsonl"
            else write_parquet(tmp_path / "a.parquet", people)
        )
        [row] = read(path, 1, reader(person_name="person_id"))
        assert row.fields == {"person_id": "7", "person_name": "7"}

    def test_a_key_that_stands_twice_has_no_value(self, write):
        line = b'{"EMP_NO": "7", "person_name": "x", "EMP_NO": "8", "extra": 1, "extra": 2}'
        [row] = read(write(line), read_with=reader(person_id="EMP_NO"))
        assert row.fields["person_name"] == "x"
        assert isinstance(row.fields["person_id"], RepeatedKeys)


class TestDamage:
    damage = (RowRef("given", None, "staff"), {}, "truncated_input")

    @pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
    def test_of_a_compressed_file(self, write, suffix):
        path = Path(write(*[b'{"person_id": "a"}'] * 100, suffix=suffix))
        path.write_bytes(path.read_bytes() + path.read_bytes()[:-1])
        rows = read(str(path))
        assert numbers(rows[:-1]) == list(range(len(rows) - 1))
        assert len(rows) > 100  # what stands before the damage is enrolled
        last = rows[-1]
        assert (last.ref, last.fields, detail(last)) == self.damage

    def test_is_told_by_the_first_part_only(self, write):
        path = Path(write(*[b'{"person_id": "a"}'] * 300, suffix=".jsonl.gz"))
        path.write_bytes(path.read_bytes() + b"garbage")
        parts = [read(str(path), part=part, parts=3) for part in range(3)]
        assert [rows[-1].ref.row is None for rows in parts] == [True, False, False]
        assert sum(map(len, parts)) == 301

    def test_of_a_row_group_spares_the_others(self, tmp_path):
        path = tmp_path / "a.parquet"
        write_parquet(path, [{"person_id": f"{n}"} for n in range(30)], 10)
        column = pq.read_metadata(path).row_group(1).column(0)
        content = bytearray(path.read_bytes())
        start = column.dictionary_page_offset or column.data_page_offset
        content[start : start + 8] = b"\xff" * 8
        path.write_bytes(content)
        rows = read(str(path), 3)
        assert numbers(rows) == [*range(10), None, *range(20, 30)]
        damaged = rows[10]
        assert (damaged.ref, damaged.fields, detail(damaged)) == self.damage

    @pytest.mark.parametrize("name", ["gone.jsonl", "gone.parquet"])
    def test_of_a_file_that_is_gone(self, tmp_path, name):
        [row] = read(str(tmp_path / name), 1)
        assert (row.ref, row.fields, detail(row)) == self.damage


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 5 * BLOCK_ROWS + 1),
    st.integers(1, 4),
    st.sampled_from([".parquet", *COMPRESS]),
    st.integers(1, 300),
    st.integers(0, 1000),
)
def test_parts_share_out_every_row_once(number, parts, suffix, rows_a_group, first_row):
    people = [{"person_id": f"{n}"} for n in range(number)]
    with TemporaryDirectory() as folder:
        path = Path(folder, f"people{suffix}")
        if suffix == ".parquet":
            table = pa.table({"person_id": pa.array([f"{n}" for n in range(number)], pa.string())})
            write_parquet(path, table, rows_a_group)
            form, end = Form.PARQUET, pq.read_metadata(path).num_row_groups
        else:
            lines = "".join(json.dumps(each) + "\n" for each in people)
            path.write_bytes(COMPRESS[suffix](lines.encode()))
            form, end = Form.JSONL, -1
        splits = [
            Split("given", str(path), form, 0, end, first_row, number, part=part, parts=parts)
            for part in range(parts)
        ]
        dealt = [list(read_split(reader(), split)) for split in splits]
    for split, rows in zip(splits, dealt, strict=True):
        assert numbers(rows) == sorted(numbers(rows))
        assert all(split.keeps(row.ref) for row in rows)
    sizes = [len(rows) for rows in dealt]
    assert max(sizes) - min(sizes) <= 1
    found = sorted((row for rows in dealt for row in rows), key=lambda row: row.ref.row)
    assert numbers(found) == list(range(first_row, first_row + number))
    assert [row.fields["person_id"] for row in found] == [f"{n}" for n in range(number)]


def test_a_reader_and_its_splits_travel_to_workers():
    split = Split("given", "a.jsonl", Form.JSONL, 0, -1, 0, 0)
    assert pickle.loads(pickle.dumps((reader(face="X"), split))) == (reader(face="X"), split)


def test_only_the_wanted_columns_of_a_parquet_file_are_read(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [{"person_id": "7", "face": b"A"}])
    ids = Reading(10_000, only=("person_id",))
    assert [row.fields for row in read(path, 1, ids)] == [{"person_id": "7"}]


def test_fields_that_nobody_knows_are_named(write, monkeypatch):
    named = []
    monkeypatch.setattr(metrics, "add", lambda name: named.append(name))
    read(write(rb'{"person_id": "7", "face": "x", "extra": 1, "\ud800": 2}', b'{"more": 1}'))
    expected = {"face", "extra", "more", "?"}  # a runner takes no lone surrogate
    assert set(named) == {f"unknown_field_{each}" for each in expected}


def test_keys_that_are_data_are_not_all_named(write, monkeypatch):
    named = set()
    monkeypatch.setattr(metrics, "add", named.add)
    RUN_STATE.begin("")
    read(write(*(b'{"%d": 1}' % n for n in range(1500)), b'{"0": 1, "' + b"x" * 5000 + b'": 1}'))
    assert len(named) == 1000
    assert max(map(len, named)) < 300
    RUN_STATE.begin("")


def test_a_stop_opens_no_more_files() -> None:
    stage = _ReadFn(reader(), "", {})
    split = Split("gone", "/nowhere/gone.parquet", Form.PARQUET, 0, -1, 0, 0)
    try:
        RUN_STATE.stop()
        assert list(stage.process(split)) == []
    finally:
        RUN_STATE.begin("")
    [tried] = stage.process(split)
    assert detail(tried) == "truncated_input"


def test_no_row_is_begun_while_a_worker_is_alone(write):
    path = write(b'{"person_id": "a"}', b'{"person_id": "b"}')
    rows = _ReadFn(reader(), "", {}).process(Split("given", path, Form.JSONL, 0, -1, 0, 0))
    assert next(rows).ref.row == 0
    with ThreadPoolExecutor(1) as worker:
        with ALONE:
            row = worker.submit(next, rows)
            with pytest.raises(TimeoutError):
                row.result(0.2)
        assert row.result().ref.row == 1
    assert list(rows) == []


@pytest.mark.parametrize("place", ["open_parquet", "iter_row_group"])
def test_too_little_memory_is_no_damage_to_the_file(tmp_path, monkeypatch, place):
    """The row would end as if its file were broken, and stay out for ever."""
    path = write_parquet(tmp_path / "a.parquet", [{"person_id": "a", "face": b"A"}])

    def fail(*_):
        raise pa.ArrowMemoryError("malloc of size 80875520 failed")

    monkeypatch.setattr(parquet_splits, place, fail)
    with pytest.raises(MemoryError):
        read(path, 1)


@pytest.mark.parametrize("first", ["pipelines.enroll", "pipelines.config", "transforms.read_rows"])
def test_arrow_takes_memory_as_it_needs_it(first, monkeypatch):
    """It chooses where it is imported first, in whatever process."""
    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL")  # that this process has from us
    told = f"import {first}, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True)
    assert done.stdout == ("jemalloc\n" if sys.platform == "linux" else "system\n")


KEPT = """
import time, transforms, pyarrow
def mapped_kb():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(each.split()[1]) for each in lines if each.startswith("VmData"))
before = mapped_kb()
page = pyarrow.allocate_buffer(200 << 20)
taken = mapped_kb() - before
del page
for _ in range(100):
    time.sleep(0.05)
    kept = mapped_kb() - before
    if kept < 50 << 10:
        break
print(taken >> 10, kept < 50 << 10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Arrow has the system's allocator")
def test_arrow_gives_addresses_back(monkeypatch):
    """A limit on memory counts them, whether or not anything is held there."""
    monkeypatch.delenv("JE_ARROW_MALLOC_CONF")
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True)
    taken, kept = done.stdout.split()
    assert (int(taken) >= 200, kept) == (True, "True")


def test_pages_that_parquet_passes_over_are_damage(tmp_path):
    """Found by `make fuzz`: a page of an unknown kind ends the row group without an error."""
    people = [{"person_id": f"{n}", "face": b"A"} for n in range(14)]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(people), path, row_group_size=7, use_dictionary=False)
    content, group = bytearray(path.read_bytes()), pq.read_metadata(path).row_group(0)
    for column in range(group.num_columns):
        kind = group.column(column).data_page_offset + 1
        assert content[kind] == 0  # a data page
        content[kind] = 2  # an index page
    path.write_bytes(content)
    rows = read(str(path), 2)
    assert [detail(row) for row in rows] == ["truncated_input", *[None] * 7]
    assert numbers(rows) == [None, *range(7, 14)]


def test_a_remote_file_is_read_as_a_local_one(tmp_path, monkeypatch):
    """Beam's remote files are buffered readers too, over something that has no name."""
    path = write_parquet(tmp_path / "a.parquet", [{"person_id": "a", "face": b"A"}])
    content = Path(path).read_bytes()

    class Remote(io.RawIOBase):
        readable = seekable = lambda _: True
        place = 0

        def readinto(self, buffer):
            piece = content[self.place : self.place + len(buffer)]
            buffer[: len(piece)] = piece
            self.place += len(piece)
            return len(piece)

        def seek(self, offset, whence=0):
            self.place = offset + (0, self.place, len(content))[whence]
            return self.place

    monkeypatch.setattr(parquet_splits, "open_raw", lambda _: io.BufferedReader(Remote()))
    [row] = read(path, 1)
    assert row.fields == {"person_id": "a", "face": b"A"}


def test_rows_that_arrow_cannot_slice_are_kept_as_they_are(tmp_path):
    """A struct whose only field is null, which a column that is not ours may be."""
    people = [{"person_id": f"{n}", "face": b"A", "extra": {"a": None}} for n in range(3)]
    path = write_parquet(tmp_path / "a.parquet", people)
    rows = read(path, 1, Reading(10_000, {}, "staff", keep_raw=True))
    assert [(detail(row), row.fields["person_id"]) for row in rows] == [
        (None, "0"), (None, "1"), (None, "2"),
    ]  # fmt: skip
    assert [row.ref.raw.to_pylist() for row in rows] == [[each] for each in people]
