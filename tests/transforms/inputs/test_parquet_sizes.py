import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.inputs import Form, Split
from tests.builders import write_parquet
from transforms.inputs.found import Reading
from transforms.inputs.parquet_rows import iter_row_group, open_parquet
from transforms.inputs.parquet_sizes import (
    as_dictionaries,
    mean_row_bytes,
    row_bytes,
    shared_bytes,
    unreadable,
)
from transforms.read_rows import read_split

NOISE = np.random.default_rng(0).bytes(1 << 20)
PAIR = 64  # what is counted for a value within another


def sizes(*columns):
    return row_bytes(pa.record_batch(list(columns), [f"{n}" for n in range(len(columns))]))


def dictionary(*values):
    return pa.array(values).dictionary_encode()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        pytest.param(pa.array(["", "abc", None]), [0, 3, 0], id="text"),
        pytest.param(pa.array(["ä"], pa.large_string()), [2], id="large text"),
        pytest.param(pa.array(["abc"], pa.string_view()), [3], id="text view"),
        pytest.param(pa.array([b"abcd", None]), [4, 0], id="binary"),
        pytest.param(pa.array([1, None]), [8, 8], id="numbers"),
        pytest.param(dictionary("abc", None, "de", "abc"), [3, 0, 2, 3], id="dictionary"),
        pytest.param(pa.array([None], pa.dictionary(pa.int8(), pa.string())), [0], id="no values"),
        pytest.param(
            pa.array(["abc", None], pa.dictionary(pa.uint8(), pa.string())), [3, 0], id="no sign"
        ),
        pytest.param(pa.array([["a", "bc"], [], None]), [3 + 2 * PAIR, 0, 0], id="list"),
        pytest.param(
            pa.array([["a", "bc"]], pa.list_(pa.string(), 2)), [3 + 2 * PAIR], id="fixed list"
        ),
        pytest.param(
            pa.array([[("a", "bc")], []], pa.map_(pa.string(), pa.string())),
            [3 + PAIR, 0],
            id="map",
        ),
        pytest.param(pa.array([{"a": "b", "c": "de"}, None]), [3, 0], id="struct"),
        pytest.param(pa.array([[{"a": ["bc"]}]]), [2 + 2 * PAIR], id="all of it"),
    ],
)
def test_rows_are_weighed_unmade(column, expected):
    assert sizes(column) == expected
    assert sizes(pa.concat_arrays([column, column]).slice(len(column))) == expected
    assert sizes(column, column) == [2 * each for each in expected]


def test_no_columns_weigh_nothing():
    assert row_bytes(pa.table({"a": [1, 2]}).select([]).to_batches()[0]) == [0, 0]


def table(**columns):
    number = len(next(iter(columns.values())))
    return pa.table({"person_id": [f"{n}" for n in range(number)], **columns})


def shared(path, column):
    with path.open("rb") as raw, open_parquet(raw) as opened:
        return shared_bytes(raw, opened.footer.metadata.row_group(0), [column])


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("value", [NOISE, bytes(1 << 20)], ids=["noise", "zeros"])
def test_a_dictionary_tells_its_size(tmp_path, compression, value):
    path = tmp_path / "a.parquet"
    pq.write_table(table(face=[value] * 9), path, compression=compression)
    assert 1 << 20 <= shared(path, "face") < 1.01 * (1 << 20)
    assert shared(path, "person_id") < 1000


def test_beginnings_are_shared_as_well(tmp_path):
    path = tmp_path / "a.parquet"
    encoding = {"face": "DELTA_BYTE_ARRAY", "person_id": "PLAIN"}
    pq.write_table(table(face=[NOISE] * 9), path, use_dictionary=False, column_encoding=encoding)
    assert shared(path, "face") >= 1 << 20
    assert shared(path, "person_id") == 0


def test_a_batch_holds_few_rows_that_share_much(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(table(face=[NOISE * 20] * 9), path)
    with path.open("rb") as raw, open_parquet(raw) as opened:
        batches = iter_row_group(opened, 0, ["face"], 64)
        assert [batch.num_rows for _, batch in batches] == [4, 4, 1]


def test_only_texts_within_others_stay_in_their_dictionaries(tmp_path):
    metadata = pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string()))
    write_parquet(tmp_path / "a.parquet", table(metadata=metadata, other=[["x"]], number=[[1]]))
    with (tmp_path / "a.parquet").open("rb") as raw, open_parquet(raw) as opened:
        assert [each.column for each in opened.footer.nested] == ["metadata", "metadata", "other"]
        read, plain = opened.reader(0).schema_arrow, opened.footer.schema
    assert pa.types.is_string(read.field("person_id").type)
    assert pa.types.is_dictionary(read.field("metadata").type.item_type)
    assert pa.types.is_string(plain.field("metadata").type.item_type)


@pytest.mark.parametrize("keep_raw", [False, True])
def test_texts_within_others_may_be_written_by_their_lengths(tmp_path, keep_raw):
    """As DuckDB does, or not, for each row group; Arrow reads no such text as a dictionary."""
    kind = pa.map_(pa.string(), pa.string())
    of_row = [[("k", f"value {n}")] for n in range(6)]
    path = tmp_path / "a.parquet"
    whole = table(face=[b"x"] * 6, metadata=pa.array(of_row, kind))
    paths = ("metadata.key_value.key", "metadata.key_value.value")
    encodings = dict.fromkeys(paths, "DELTA_LENGTH_BYTE_ARRAY")
    with pq.ParquetWriter(
        path, whole.schema, use_dictionary=False, column_encoding=encodings
    ) as writer:
        writer.write_table(whole.slice(0, 3))
        writer.write_table(whole.slice(3), row_group_size=3)
    split = Split("given", str(path), Form.PARQUET, 0, 2, 0, 6)
    rows = list(read_split(Reading(10_000, {}, "staff", keep_raw=keep_raw), split))
    assert [row.fields["metadata"] for row in rows] == [tuple(each) for each in of_row]
    if keep_raw:
        assert pa.Table.from_batches([row.ref.raw for row in rows]).equals(pq.read_table(path))


def test_each_row_group_is_read_as_it_was_written(tmp_path):
    kind = pa.map_(pa.string(), pa.string())
    files = []
    for name, encoding in (("a", "DELTA_LENGTH_BYTE_ARRAY"), ("b", None)):
        files.append(tmp_path / f"{name}.parquet")
        one = table(metadata=pa.array([[("k", "v")]], kind))
        more = {"use_dictionary": False, "column_encoding": {"metadata.key_value.key": encoding}}
        pq.write_table(one, files[-1], **(more if encoding else {}))
    groups = [pq.read_metadata(each).row_group(0) for each in files]
    with files[0].open("rb") as raw, open_parquet(raw) as opened:
        nested = opened.footer.nested
    assert [as_dictionaries(each, nested) for each in groups] == [
        ("metadata.key_value.value",),
        ("metadata.key_value.key", "metadata.key_value.value"),
    ]
    assert [unreadable(each, nested) for each in groups] == [set(), set()]


def test_times_of_a_year_that_nanoseconds_cannot_tell_are_read(tmp_path):
    """Spark writes its timestamps as INT96, and 9999-12-31 stands for no end in many a table."""
    times = [dt.datetime(9999, 12, 31), dt.datetime(1, 1, 1), dt.datetime(2026, 11, 29, 1, 2, 3, 4)]
    fields = pa.array([{"valid_to": each} for each in times])
    path = tmp_path / "a.parquet"
    pq.write_table(
        table(face=[b"x"] * 3, metadata=fields), path, use_deprecated_int96_timestamps=True
    )
    split = Split("given", str(path), Form.PARQUET, 0, 1, 0, 3)
    for keep_raw in (False, True):
        rows = list(read_split(Reading(10_000, {}, "staff", keep_raw=keep_raw), split))
        assert [row.fields["metadata"]["valid_to"] for row in rows] == times


def test_the_mean_is_of_the_wanted_columns(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(table(face=[NOISE] * 4, face2=[NOISE] * 4), path, use_dictionary=False)
    group = pq.read_metadata(path).row_group(0)
    assert mean_row_bytes(group, ["face"]) // (1 << 20) == 1
    assert mean_row_bytes(group, ["face", "face2"]) // (1 << 20) == 2
    assert mean_row_bytes(group, ["person_id"]) < 100


@pytest.mark.parametrize("keep_raw", [False, True])
def test_rows_that_are_far_too_large_by_the_footer_are_told_by_their_ids(tmp_path, keep_raw):
    path = tmp_path / "a.parquet"
    pq.write_table(table(face=[bytes(140 << 20), b"small"]), path, use_dictionary=False)
    split = Split("given", str(path), Form.PARQUET, 0, 1, 0, 2)
    rows = list(read_split(Reading(1 << 20, {}, "staff", keep_raw=keep_raw), split))
    assert [(row.fields, row.fault.detail) for row in rows] == [
        ({"person_id": "0"}, "too_large"),
        ({"person_id": "1"}, "too_large"),
    ]
    assert [row.ref.raw for row in rows] == [None, None]


def test_a_row_that_is_too_large_alone_is_kept_and_its_neighbour_read(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(table(face=[bytes(9 << 20), b"small"]), path, use_dictionary=False)
    split = Split("given", str(path), Form.PARQUET, 0, 1, 0, 2)
    large, small = read_split(Reading(1 << 20, {}, "staff", keep_raw=True), split)
    assert (large.fields, large.fault.detail) == ({"person_id": "0"}, "too_large")
    assert (small.fields["face"], small.fault) == (b"small", None)
    kept = pa.Table.from_batches([large.ref.raw, small.ref.raw])
    assert kept.equals(pq.read_table(path))


def test_a_kept_row_has_the_schema_of_its_file(tmp_path):
    metadata = pa.array([[("a", "b")], None], pa.map_(pa.string(), pa.string()))
    path = write_parquet(tmp_path / "a.parquet", table(metadata=metadata, face=[b"x", b"y"]))
    split = Split("given", path, Form.PARQUET, 0, 1, 0, 2)
    first, second = read_split(Reading(10_000, {}, "staff", keep_raw=True), split)
    kept = pa.Table.from_batches([first.ref.raw, second.ref.raw])
    assert kept.equals(pq.read_table(path))
    assert first.fields["metadata"] == (("a", "b"),)


MAP = [[("a", "b"), ("c", None)], None, [], [("d", "e")]]
LIST = [["a", "b"], None, [], ["c", None]]


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("metadata", pa.map_(pa.large_string(), pa.large_string()), MAP),
        ("metadata", pa.map_(pa.string(), pa.large_string()), MAP),
        ("other", pa.map_(pa.large_string(), pa.string()), MAP),
        ("other", pa.map_(pa.string_view(), pa.string_view()), MAP),
        ("other", pa.list_(pa.string_view()), LIST),
        ("other", pa.list_(pa.large_string()), LIST),
        ("other", pa.list_view(pa.string()), LIST),
        ("other", pa.struct({"a": pa.large_binary()}), [{"a": b"x"}, None, {"a": None}, {}]),
    ],
    ids=str,
)
def test_rows_with_large_texts_and_views_are_kept(tmp_path, name, kind, values):
    """Arrow's cast of the first ends the process."""
    path = tmp_path / "a.parquet"
    column = {name: pa.array(values, kind)}
    pq.write_table(table(face=[b"x"] * 4, **column), path)
    split = Split("given", str(path), Form.PARQUET, 0, 1, 0, 4)
    rows = list(read_split(Reading(10_000, {}, "staff", keep_raw=True), split))
    assert pa.Table.from_batches([row.ref.raw for row in rows]).equals(pq.read_table(path))


def test_a_column_that_is_not_ours_and_cannot_be_read_ends_no_row(tmp_path):
    path = tmp_path / "a.parquet"
    vectors = pa.array([[1.0, 2.0], [3.0, 4.0], None], pa.list_(pa.float32(), 2))
    pq.write_table(table(face=[b"x"] * 3, embedding=vectors), path)
    with pytest.raises(pa.ArrowInvalid), pq.ParquetFile(path) as file:
        next(file.iter_batches())
    split = Split("given", str(path), Form.PARQUET, 0, 1, 0, 3)
    for keep_raw in (False, True):
        rows = list(read_split(Reading(10_000, {}, "staff", keep_raw=keep_raw), split))
        assert [(row.ref.row, row.fault) for row in rows] == [(0, None), (1, None), (2, None)]
    assert [row.ref.raw for row in rows] == [None] * 3
