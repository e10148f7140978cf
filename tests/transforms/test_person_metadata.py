import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Code, RejectedError
from transforms.inputs.json_rows import parse_row
from transforms.inputs.parquet_rows import UnreadableValue, to_rows
from transforms.person_metadata import is_text, parse_metadata


def from_json(text):
    return parse_metadata(parse_row(b'{"metadata": ' + text.encode() + b"}")["metadata"])


def from_parquet(value, kind):
    batch = pa.record_batch([pa.array([value], kind)], ["metadata"])
    [row] = to_rows(batch, {"metadata": "metadata"})
    return parse_metadata(row["metadata"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("text", "text", id="text"),
        pytest.param("", "", id="empty text"),
        pytest.param("true", "true", id="text that looks like more"),
        pytest.param(True, "true", id="true"),
        pytest.param(False, "false", id="false"),
        pytest.param(0, "0", id="zero"),
        pytest.param(-(2**70), "-1180591620717411303424", id="a large number"),
        pytest.param(1.5, "1.5", id="a fraction"),
        pytest.param(2.0, "2.0", id="a whole float"),
        pytest.param(1e300, "1e+300", id="a large float"),
        pytest.param(Decimal("12.50"), "12.5", id="a decimal, as JSON has it"),
        pytest.param(Decimal("-5"), "-5", id="a decimal without places"),
        pytest.param(Decimal(10**22), "1" + "0" * 22, id="a large one"),
        pytest.param(Decimal("1E+3"), "1000", id="one of thousands"),
        pytest.param(date(2026, 11, 23), "2026-11-23", id="a date"),
        pytest.param(UUID(int=7), "00000000-0000-0000-0000-000000000007", id="a UUID"),
        pytest.param(datetime(2026, 11, 23, 8, 5), "2026-11-23T08:05:00", id="a time of a day"),
        pytest.param(
            datetime(2026, 11, 23, 8, 5, 0, 250, UTC),
            "2026-11-23T08:05:00.000250+00:00",
            id="with a zone",
        ),
        pytest.param(time(8, 5), "08:05:00", id="a time"),
    ],
)
def test_scalars_become_text(value, expected):
    assert parse_metadata({"key": value}) == {"key": expected}


@pytest.mark.parametrize("value", [None, {}, (), {"a": None}, (("a", None),)], ids=repr)
def test_nothing_is_nothing(value):
    assert parse_metadata(value) == {}


def test_nulls_are_dropped_and_keys_are_in_order():
    metadata = parse_metadata({"b": "2", "c": None, "a": "1", "B": "3"})
    assert list(metadata.items()) == [("B", "3"), ("a", "1"), ("b", "2")]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("text", id="text"),
        pytest.param(7, id="a number"),
        pytest.param(True, id="true"),
        pytest.param([], id="an empty list"),
        pytest.param(["a"], id="a list"),
        pytest.param([("a", "b")], id="a list of pairs"),
        pytest.param(UnreadableValue(), id="an unreadable value"),
        pytest.param({"a": {}}, id="an object within"),
        pytest.param({"a": []}, id="a list within"),
        pytest.param({"a": b"bytes"}, id="bytes"),
        pytest.param({"a": float("nan")}, id="NaN"),
        pytest.param({"a": float("-inf")}, id="infinity"),
        pytest.param({"a": Decimal("NaN")}, id="a decimal that is none"),
        pytest.param({"a": UnreadableValue()}, id="an unreadable value within"),
        pytest.param({"a": "\ud800"}, id="a lone surrogate"),
        pytest.param({"\udfff": "a"}, id="a lone surrogate in a key"),
        pytest.param({"\udfff": None}, id="a lone surrogate in the key of nothing"),
        pytest.param({1: "a"}, id="a number as key"),
        pytest.param({None: "a"}, id="nothing as key"),
        pytest.param((({"x": 1}, "a"),), id="an object as key"),
        pytest.param((("a", "1"), ("a", "1")), id="a key twice"),
        pytest.param((("a", None), ("a", "1")), id="a key twice, once of nothing"),
    ],
)
def test_anything_else_is_refused(value):
    with pytest.raises(RejectedError) as refused:
        parse_metadata(value)
    assert (refused.value.code, refused.value.detail) == (Code.UNPROCESSABLE_CONTENT, "metadata")


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '{"a": null, "a": 1}', '{"a": 1e999}', "[]"])
def test_json_that_is_refused(text):
    with pytest.raises(RejectedError):
        from_json(text)


STRUCT = pa.struct(
    [("floor", pa.int8()), ("team", pa.string()), ("on", pa.bool_()), ("rate", pa.float64())]
)


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        pytest.param(
            '{"team": "blue", "floor": 3, "rate": 1.5, "on": true}',
            {"floor": 3, "team": "blue", "on": True, "rate": 1.5},
            STRUCT,
            id="struct",
        ),
        pytest.param('{"team": "blue"}', {"team": "blue"}, STRUCT, id="struct with nulls"),
        pytest.param(
            '{"team": "blue", "floor": "3"}',
            [("team", "blue"), ("floor", "3")],
            pa.map_(pa.string(), pa.string()),
            id="map of text",
        ),
        pytest.param(
            '{"b": 2, "a": 1, "c": null}',
            [("b", 2), ("a", 1), ("c", None)],
            pa.map_(pa.string(), pa.int64()),
            id="map of numbers",
        ),
        pytest.param(
            '{"rate": 1.1, "least": 1e-45, "most": 3.4028235e38, "team": "blue", "none": null}',
            {"rate": 1.1, "least": 1e-45, "most": 3.4028235e38, "team": "blue", "none": None},
            pa.struct(
                [
                    ("team", pa.string()),
                    *((n, pa.float32()) for n in ("rate", "least", "most", "none")),
                ]
            ),
            id="struct of short floats",
        ),
        pytest.param(
            '{"a": 0.3, "b": 16777216.0, "c": null}',
            [("a", 0.3), ("b", 16777216.0), ("c", None)],
            pa.map_(pa.string(), pa.float32()),
            id="map of short floats",
        ),
        pytest.param("null", None, pa.struct([("a", pa.float32())]), id="null of short floats"),
        pytest.param("{}", [], pa.map_(pa.string(), pa.string()), id="empty map"),
        pytest.param("null", None, STRUCT, id="null"),
        pytest.param(
            '{"since": "2026-11-23"}',
            {"since": date(2026, 11, 23)},
            pa.struct([("since", pa.date32())]),
            id="a date",
        ),
    ],
)
def test_the_same_person_in_any_form_has_the_same_metadata(text, value, kind):
    assert from_parquet(value, kind) == from_json(text)


def test_a_list_column_is_no_metadata():
    with pytest.raises(RejectedError):
        from_parquet([], pa.list_(pa.string()))


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text()


@given(st.dictionaries(st.text(), scalars))
def test_scalars_read_back_as_json(value):
    metadata = parse_metadata(value)
    assert metadata.keys() == {key for key, each in value.items() if each is not None}
    for key, text in metadata.items():
        assert text == value[key] if isinstance(value[key], str) else json.loads(text) == value[key]


@given(st.dictionaries(st.text(), st.text()))
def test_the_order_of_pairs_does_not_matter(value):
    backwards = tuple(reversed(value.items()))
    assert list(parse_metadata(backwards).items()) == list(parse_metadata(value).items())


@pytest.mark.parametrize(
    ("value", "expected"), [("", True), ("ä", True), ("\ud800", False), (None, False), (b"", False)]
)
def test_text_is_what_utf8_can_hold(value, expected):
    assert is_text(value) is expected
