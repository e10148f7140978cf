import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.stamp import Stamp

STAMP = Stamp("opencv-zoo", (("detector", "a" * 64), ("recogniser", "b" * 64)), 128, 1)
JSON = {
    "pack": "opencv-zoo",
    "weights": {"detector": "a" * 64, "recogniser": "b" * 64},
    "dimension": 128,
    "preprocessing": 1,
}
weights = st.dictionaries(st.text(), st.text()).map(lambda each: tuple(sorted(each.items())))


def test_json_form():
    assert STAMP.to_json() == JSON


@given(st.builds(Stamp, st.text(), weights, st.integers(1), st.integers(0)))
def test_a_stamp_comes_back_from_json(stamp):
    read = Stamp.from_json(json.loads(json.dumps(stamp.to_json())))
    assert read == stamp
    assert read.digest == stamp.digest


def test_what_others_add_beside_it_does_not_matter():
    assert Stamp.from_json(JSON | {"made_at": "2026-11-23"}) == STAMP


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [],
        "opencv-zoo",
        *({key: each for key, each in JSON.items() if key != left_out} for left_out in JSON),
        JSON | {"pack": 7},
        JSON | {"weights": ["a"]},
        JSON | {"dimension": "128"},
        JSON | {"preprocessing": None},
    ],
    ids=repr,
)
def test_something_else_is_no_stamp(value):
    assert Stamp.from_json(value) is None


@pytest.mark.parametrize(
    "change",
    [
        {"pack": "other"},
        {"weights": (("detector", "c" * 64), ("recogniser", "b" * 64))},
        {"dimension": 512},
        {"preprocessing": 2},
    ],
    ids=repr,
)
def test_every_part_changes_the_digest(change):
    assert replace(STAMP, **change).digest != STAMP.digest
