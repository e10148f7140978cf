from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.option_values import parse_columns, parse_duration, parse_size
from schemas.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1000", 1000),
        ("7B", 7),
        ("20MB", 20_000_000),
        ("50M", 50_000_000),
        ("64 MB", 64_000_000),
        ("64MiB", 64 * 1024**2),
        ("1Ki", 1024),
        ("1.5k", 1500),
        ("1.001K", 1001),
        ("2gb", 2_000_000_000),
        ("3TiB", 3 * 1024**4),
        ("0.1", 0),
        ("9" * 400, 10**400 - 1),
    ],
    ids=lambda each: str(each)[:12],
)
def test_sizes(text, expected):
    assert parse_size(text) == expected


@given(st.decimals(0, 10**6, places=3), st.sampled_from(["", *"KMGT"]), st.booleans())
def test_a_size_is_exact(number, power, binary):
    base = 1024 if binary and power else 1000
    text = f"{number}{power}" + ("iB" if binary and power else "")
    assert parse_size(text) == int(Fraction(number) * base ** " KMGT".index(power or " "))


@pytest.mark.parametrize(
    "text", ["", "MB", "-1", "+1", "1e3", "20XB", "20MBs", ".5M", "1,5M", "20 M B"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError) as refused:
        parse_size(text)
    assert str(refused.value) == f"{text!r}; expected a size such as 20MB, 64MiB or 50M"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90.0),
        ("120s", 120.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("1.5 h", 5400.0),
        ("500ms", 0.5),
        ("0s", 0.0),
    ],
)
def test_durations(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "s", "-1s", "1d", "1 hour", "2M", "inf", "nan"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError) as refused:
        parse_duration(text)
    assert str(refused.value) == f"{text!r}; expected a duration such as 120s, 2m or 1h"


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], {}),
        (["person_id=EMP_NO"], {"person_id": "EMP_NO"}),
        (["person_id=a", "person_name=b=c"], {"person_id": "a", "person_name": "b=c"}),
        (["person_id= a "], {"person_id": " a "}),
    ],
)
def test_columns(pairs, expected):
    assert parse_columns(pairs) == expected


@pytest.mark.parametrize("pair", ["person_id", "person_id=", "=EMP_NO", "=", ""])
def test_what_is_no_column_is_refused(pair):
    with pytest.raises(UsageError) as refused:
        parse_columns(["first=FIRST", pair])
    assert str(refused.value) == (f"--column {pair}: expected FIELD=NAME, as in person_id=EMP_NO")


def test_a_field_has_one_column():
    with pytest.raises(UsageError) as refused:
        parse_columns(["first=FIRST", "first=again"])
    assert str(refused.value) == "--column first=again: first is given twice; expected once"
