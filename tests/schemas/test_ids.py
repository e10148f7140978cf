from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Code, RefusedError
from schemas.ids import check_collection_name, is_person_id, point_id


@pytest.mark.parametrize(
    ("person_id", "expected"),
    [
        ("JD1", "c5e18b8a-1161-5abb-a1b9-f981d19862dc"),
        ("jd1", "081ddfac-aada-5ba1-8c3c-0f7e05a39b7f"),
        ("Zoë 山田", "82768c70-d16c-5178-8508-f1c639fdfed0"),
    ],
)
def test_a_person_always_has_the_same_point(person_id, expected):
    assert point_id(person_id) == expected


@given(st.text(), st.text())
def test_two_persons_share_a_point_only_where_their_ids_are_equal(one, other):
    assert (point_id(one) == point_id(other)) == (one == other)
    assert UUID(point_id(one)).version == 5


@pytest.mark.parametrize("name", ["a", "A-Z_0.9", "...", ".hidden", "-", "x" * 255])
def test_a_lawful_collection_name_is_given_back(name):
    assert check_collection_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "x" * 256, "a b", "a/b", "../a", "a\n", "\na", "a\0", "é", "a:b", "\uff21"],
    ids=repr,
)
def test_another_collection_name_is_refused(name):
    with pytest.raises(RefusedError) as refused:
        check_collection_name(name)
    assert refused.value.code is Code.INVALID_COLLECTION_NAME
    assert refused.value.why == (
        f"collection name {name!r}: expected 1 to 255 of A-Z a-z 0-9 _ - . "
        "(and not '.' or '..' alone)"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("a", True, id="one letter"),
        pytest.param(" ", True, id="a space"),
        pytest.param("a\u0301", True, id="not normalised"),
        pytest.param("\U0001f642", True, id="outside the BMP"),
        pytest.param("x" * 512, True, id="512 bytes"),
        pytest.param("é" * 256, True, id="512 bytes of UTF-8"),
        pytest.param("", False, id="empty"),
        pytest.param("x" * 513, False, id="513 bytes"),
        pytest.param("é" * 257, False, id="514 bytes of 257 letters"),
        pytest.param("a\0b", False, id="U+0000"),
        pytest.param("\ud800", False, id="lone high surrogate"),
        pytest.param("a\udfff", False, id="lone low surrogate"),
        pytest.param(1, False, id="a number"),
        pytest.param(None, False, id="nothing"),
        pytest.param(b"a", False, id="bytes"),
    ],
)
def test_person_ids_are_1_to_512_bytes_of_any_text(value, expected):
    assert is_person_id(value) is expected
