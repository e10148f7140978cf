import gc
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.inputs import Form, Split
from tests.builders import write_parquet
from transforms.inputs.found import Reading
from transforms.inputs.parquet_rows import UnreadableValue, iter_row_group, open_parquet, to_rows
from transforms.inputs.streams import open_raw
from transforms.read_rows import read_split


def read(path, columns, group=0, block_rows=64):
    """Gives (rows before, rows) of each batch."""
    with open_raw(path) as raw, open_parquet(raw) as opened:
        names = list(dict.fromkeys(columns.values()))
        batches = iter_row_group(opened, group, names, block_rows)
        return [(before, to_rows(batch, columns)) for before, batch in batches]


def not_utf8(*values):
    """A string column whose values were never checked."""
    binary = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), binary.buffers())


def test_batches_hold_a_block_of_rows(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [{"id": n} for n in range(250)], 200)
    first, second = (read(path, {"id": "id"}, group) for group in (0, 1))
    assert [(before, len(rows)) for before, rows in first] == [
        (0, 64),
        (64, 64),
        (128, 64),
        (192, 8),
    ]
    assert [row["id"] for _, rows in first + second for row in rows] == list(range(250))


def test_batches_of_large_rows_are_smaller(tmp_path):
    table = pa.table({"face": pa.array([bytes(3 << 20)] * 8, pa.binary())})
    path = tmp_path / "a.parquet"
    pa.parquet.write_table(table, path, use_dictionary=False, compression="none")
    sizes = [len(rows) for _, rows in read(str(path), {"face": "face"})]
    assert sizes == [5, 3]


def test_columns_come_under_our_names(tmp_path):
    row = {"EMP_NO": "7", "user.name": "Jane", "other": 1}
    path = write_parquet(tmp_path / "a.parquet", [row])
    columns = {"person_id": "EMP_NO", "person_name": "user.name"}
    assert read(path, columns) == [(0, [{"person_id": "7", "person_name": "Jane"}])]


def test_two_fields_may_be_read_from_one_column(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [{"id": "7"}])
    columns = {"person_id": "id", "person_name": "id"}
    assert read(path, columns) == [(0, [{"person_id": "7", "person_name": "7"}])]


def test_a_column_whose_name_begins_alike_is_left_out(tmp_path):
    row = {"metadata": {"city": "Ulm"}, "metadata.city": "Bonn"}
    path = write_parquet(tmp_path / "a.parquet", [row])
    assert read(path, {"metadata": "metadata"}) == [(0, [{"metadata": {"city": "Ulm"}}])]


def test_a_map_becomes_a_tuple_of_pairs():
    kind = pa.map_(pa.string(), pa.int64())
    column = pa.array([[("a", 1), ("a", None)], [], None], kind)
    rows = to_rows(pa.record_batch([column], ["metadata"]), {"metadata": "metadata"})
    assert [row["metadata"] for row in rows] == [(("a", 1), ("a", None)), (), None]


def test_texts_that_rows_share_are_made_once(tmp_path):
    """A row may hold one large value thousands of times; slices count from their own beginning."""
    kind = pa.map_(pa.string(), pa.string())
    column = pa.array([[("a", "blue")], None, [], [("a", "blue"), ("b", None), ("c", "red")]], kind)
    path = write_parquet(tmp_path / "a.parquet", pa.table({"metadata": column}))
    with open_raw(path) as raw, open_parquet(raw) as opened:
        [(_, batch)] = iter_row_group(opened, 0, ["metadata"], 64)
    columns = {"metadata": "metadata"}
    rows = [row["metadata"] for row in to_rows(batch, columns)]
    assert rows == [(("a", "blue"),), None, (), (("a", "blue"), ("b", None), ("c", "red"))]
    assert rows[0][0][1] is rows[3][0][1]
    assert [to_rows(batch.slice(n, 1), columns)[0]["metadata"] for n in range(4)] == rows


def test_a_batch_of_dictionary_encoded_text(tmp_path):
    column = pa.array(["a", "b", "a", None]).dictionary_encode()
    path = write_parquet(tmp_path / "a.parquet", pa.table({"id": column}))
    assert [row["id"] for row in read(path, {"id": "id"})[0][1]] == ["a", "b", "a", None]


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(not_utf8(b"good", b"\xff\xfe"), id="invalid UTF-8"),
        pytest.param(pa.array([0, 10**7], pa.date32()), id="a date after 9999"),
        pytest.param(pa.array([0, 10**18], pa.timestamp("us")), id="a time after 9999"),
        pytest.param(pa.array([0, 10**15], pa.timestamp("s")), id="a time long after"),
        pytest.param(pa.array([0, 2**62], pa.duration("s")), id="a duration too long"),
    ],
)
def test_an_unreadable_value_fails_its_own_row_only(column):
    good, bad = (row["x"] for row in to_rows(pa.record_batch([column], ["x"]), {"x": "x"}))
    assert not isinstance(good, UnreadableValue)
    assert isinstance(bad, UnreadableValue)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (1, pa.timestamp("ns"), "1970-01-01T00:00:00.000000001"),
        (-1, pa.timestamp("ns"), "1969-12-31T23:59:59.999999999"),
        (
            1_700_000_000_123_456_789,
            pa.timestamp("ns", "+02:00"),
            "2023-11-15T00:13:20.123456789+02:00",
        ),
        (1, pa.time64("ns"), "00:00:00.000000001"),
        (86_399_999_999_999, pa.time64("ns"), "23:59:59.999999999"),
    ],
)
def test_a_nanosecond_is_kept_as_text(value, kind, text):
    """Python's times end at the microsecond."""
    times = pa.array([value], kind)
    pairs = pa.MapArray.from_arrays([0, 1], pa.array(["since"]), times)
    batch = pa.record_batch(
        [times, pa.StructArray.from_arrays([times], ["since"]), pairs], list("abc")
    )
    [row] = to_rows(batch, {"a": "a", "b": "b", "c": "c"})
    assert row == {"a": text, "b": {"since": text}, "c": (("since", text),)}


def test_a_struct_with_a_name_twice_is_unreadable():
    one, two = pa.array(["a"]), pa.array(["b"])
    columns = [pa.StructArray.from_arrays([one, two], names) for names in (["k", "k"], ["k", "l"])]
    [row] = to_rows(pa.record_batch(columns, ["x", "y"]), {"x": "x", "y": "y"})
    assert isinstance(row["x"], UnreadableValue)
    assert row["y"] == {"k": "a", "l": "b"}


def test_a_time_zone_that_nobody_knows_makes_values_unreadable():
    column = pa.array([1], pa.timestamp("us", "Mars/Phobos"))
    [row] = to_rows(pa.record_batch([column], ["x"]), {"x": "x"})
    assert isinstance(row["x"], UnreadableValue)


def test_a_row_group_is_never_held_whole(tmp_path):
    """One row group of distinct faces, 80 MB: held at a time are a batch and a page."""
    faces = [os.urandom(200_000) for _ in range(400)]
    table = pa.table({"face": faces})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=400, write_batch_size=16)
    del table, faces
    before, held, rows = pa.total_allocated_bytes(), [], 0
    with (tmp_path / "a.parquet").open("rb") as raw, open_parquet(raw) as opened:
        for _, batch in iter_row_group(opened, 0, ["face"], 64):
            held.append(pa.total_allocated_bytes() - before)
            rows += len(to_rows(batch, {"face": "face"}))
    assert rows == 400
    assert max(held) < 40_000_000


@pytest.mark.parametrize("keep_raw", [False, True])
def test_a_footer_is_let_go_with_its_file(tmp_path, keep_raw):
    """It holds some kilobytes a row group, and is read for each split."""
    path = tmp_path / "a.parquet"
    metadata = pa.array([[("a", "b")]] * 3, pa.map_(pa.string(), pa.string()))
    ids = ["1", "2", "3"]
    pq.write_table(pa.table({"person_id": ids, "metadata": metadata}), path, row_group_size=1)
    split = Split("given", str(path), Form.PARQUET, 0, 3, 0, 3)
    gc.collect()
    gc.disable()
    try:
        rows = list(read_split(Reading(1 << 20, {}, "staff", keep_raw=keep_raw), split))
        held = [each for each in gc.get_objects() if isinstance(each, pq.FileMetaData)]
    finally:
        gc.enable()
    assert [row.fields["person_id"] for row in rows] == ids
    assert held == []
