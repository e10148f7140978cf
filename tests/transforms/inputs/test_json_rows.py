import json
import time
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Code, RejectedError
from transforms.inputs.json_rows import RepeatedKeys, parse_row


def nested(depth, inner=b"1"):
    """A row of that depth: the row itself is the first level."""
    return b'{"a":' + b"[" * (depth - 1) + inner + b"]" * (depth - 1) + b"}"


def refusal(line):
    with pytest.raises(RejectedError) as refused:
        parse_row(line)
    assert refused.value.code is Code.UNPROCESSABLE_CONTENT
    return refused.value.detail


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        b"{",
        b'{"a": 1',
        b'{"a": 1}}',
        b'{"a": 1} {"a": 2}',
        b"{'a': 1}",
        b'{"a": 1,}',
        b"{a: 1}",
        b'{"a": "\t"}',
        b'{"a": "unclosed}',
        b"[]",
        b"null",
        b"1",
        b'"text"',
        b'{"a": "\xff"}',
        b"\xff\xfe{\0}\0",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": [-Infinity]}',
        b'{"a": 01}',
    ],
    ids=lambda line: repr(line[:20]),
)
def test_what_is_no_json_object_is_refused(line):
    assert refusal(line) == "not_json"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"{}", {}),
        (b' {"a": 1} \r\n', {"a": 1}),
        ('{"ä": "山"}'.encode(), {"ä": "山"}),
        (rb'{"a": "\u00e9\n\"[{"}', {"a": 'é\n"[{'}),
        (rb'{"a": "\ud83d\ude42"}', {"a": "\U0001f642"}),
        (
            b'{"a": [1, -2.5, 1e3, true, null, {"b": []}]}',
            {"a": [1, -2.5, 1e3, True, None, {"b": []}]},
        ),
        (b'{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
        (b'{"a": ' + b"9" * 4300 + b"}", {"a": 10**4300 - 1}),
        (b'{"a": ' + b"9" * 5000 + b"}", {"a": float("inf")}),
    ],
    ids=lambda each: repr(each)[:30],
)
def test_an_object_is_given_as_it_stands(line, expected):
    assert parse_row(line) == expected


def test_a_lone_surrogate_reaches_the_row():
    # Refused field by field later, so that the record can say which field it is.
    assert parse_row(rb'{"person_id": "\ud800"}') == {"person_id": "\ud800"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)  # fmt: skip


@given(st.dictionaries(st.text(), json_values), st.booleans())
def test_any_object_comes_back(value, ascii_only):
    assert parse_row(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary())
def test_any_bytes_are_an_object_or_refused(line):
    with suppress(RejectedError):
        assert isinstance(parse_row(line), dict)


class TestDepth:
    def test_64_levels_are_read(self):
        assert parse_row(nested(64))["a"] != []

    @pytest.mark.parametrize("depth", [65, 1000, 200_000])
    def test_more_are_refused(self, depth):
        assert refusal(nested(depth)) == "too_deep"

    def test_more_are_refused_unclosed_as_well(self):
        assert refusal(b"[" * 200_000) == "too_deep"
        assert refusal(b'{"a":' * 200_000) == "too_deep"

    def test_breadth_is_not_depth(self):
        assert len(parse_row(b'{"a": [' + b"[],{}," * 500 + b"1]}")["a"]) == 1001

    @pytest.mark.parametrize(
        "text", [b"[" * 100, b"{" * 100, rb"\"" + b"[" * 100, b"\\\\", rb"[\\\"[" * 50], ids=repr
    )
    def test_brackets_in_strings_do_not_count(self, text):
        line = b'{"a": "' + text + b'", "b": [' + b"[]," * 70 + b"1]}"
        assert len(parse_row(line)["b"]) == 71

    def test_brackets_after_strings_do(self):
        assert refusal(b'{"a\\"": "x\\\\", "b": ' + b"[" * 64 + b"]" * 64 + b"}") == "too_deep"

    def test_a_long_string_costs_no_memory_of_its_own(self):
        line = b'{"a": [' + b"[]," * 70 + b'"' + b"A" * 4_000_000 + b'"]}'
        tracemalloc.start()
        parse_row(line)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8 * len(line)


class TestRepeatedKeys:
    def test_a_row_in_which_a_key_stands_twice_tells_which(self):
        value = parse_row(b'{"a": 1, "b": 2, "a": 3, "c": 4, "c": 4, "a": 5}')
        assert isinstance(value, RepeatedKeys)
        assert value.repeated == {"a", "c"}
        assert value == {"a": 5, "b": 2, "c": 4}

    def test_so_does_an_object_within(self):
        value = parse_row(b'{"metadata": {"k": "1", "k": "2"}, "a": 1}')
        assert not isinstance(value, RepeatedKeys)
        assert isinstance(value["metadata"], RepeatedKeys)

    def test_spelling_does_not_hide_it(self):
        value = parse_row(rb'{"a": 1, "\u0061": 2}')
        assert isinstance(value, RepeatedKeys)
        assert value.repeated == {"a"}

    def test_many_keys_take_no_long_time(self):
        keys = b",".join(b'"%d":1' % n for n in range(100_000))
        began = time.monotonic()
        value = parse_row(b"{" + keys + b',"7":1}')
        assert isinstance(value, RepeatedKeys)
        assert value.repeated == {"7"}
        assert time.monotonic() - began < 5.0
