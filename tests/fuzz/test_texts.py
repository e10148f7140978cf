"""Rows, ids and Base64 of any kind: a value, or a reason why not."""

import base64
import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import MESSAGES, Detail, Fault
from schemas.ids import is_person_id, point_id
from schemas.options import Rules
from schemas.records import Person
from tests.builders import make_row
from tests.fuzz.effort import effort, tried
from tests.fuzz.mutations import mutated
from transforms.base64_images import decode_base64
from transforms.face_files import FaceFiles
from transforms.inputs.json_rows import parse_row
from transforms.submissions import submit

MAX_BYTES = 200
any_text = st.text(st.characters(exclude_categories=[]), max_size=40)  # lone surrogates too
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.just("QUJD"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
NAMES = ["person_id", "person_name", "metadata", "face_base_64", "face_uri", "face", "vector"]
rows = st.dictionaries(st.sampled_from(NAMES) | any_text, values)
BASE_64 = [b"QUJDREVG", b"QUJD\r\nRA==", b"data:image/png;base64,-_-_", b"A" * 300]
DETAILS = {value for name, value in vars(Detail).items() if name.isupper()}
GOOD = [
    json.dumps({"person_id": "a", "person_name": "b", "face_base_64": "QUJD"}).encode(),
    b'{"person_id": "\xc3\xa9", "metadata": {"a": [1, 2.5e3, null]}, "x": "\\ud83d\\ude00"}',
    b'{"a": ' + b"[" * 62 + b"]" * 62 + b"}",
]


@effort(300)
@given(mutated(GOOD) | st.binary(max_size=60))
def test_any_line_is_an_object_or_rejected(line: bytes) -> None:
    row = tried(lambda: parse_row(line))
    if isinstance(row, Fault):
        assert row.code in MESSAGES
        assert row.detail in {"not_json", "too_deep"}
        return
    assert row == json.loads(line.decode())


@effort(300)
@given(rows)
def test_any_fields_are_a_person_or_rejected(fields: dict[str, Any]) -> None:
    row = replace(make_row(), fields=fields)
    found = tried(lambda: submit(row, Rules(), FaceFiles()))
    if isinstance(found, Fault):
        assert found.code in MESSAGES
        assert found.detail in {*NAMES, *DETAILS}
        return
    assert found.encoded
    person: Person = found.person
    assert person.person_id == fields["person_id"]
    assert all(isinstance(each, str) for pair in person.metadata.items() for each in pair)
    json.dumps([person.person_name, *person.metadata.items()], ensure_ascii=False).encode()


@effort(300)
@given(any_text | st.sampled_from([1, 511, 512, 513]).map(lambda n: "x" * n))
def test_ids(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        size = 0
    assert is_person_id(text) == (1 <= size <= 512 and "\0" not in text)
    if is_person_id(text):
        assert point_id(text) == point_id(text[:])


@effort(300)
@given(mutated(BASE_64) | st.binary())
def test_any_text_is_base64_or_rejected(content: bytes) -> None:
    text = content.decode(errors="surrogateescape")
    decoded = tried(lambda: decode_base64(text, MAX_BYTES))
    if isinstance(decoded, Fault):
        assert decoded.detail in {"base64", "too_many_bytes"}
        return
    assert len(decoded) <= MAX_BYTES + 4  # told exactly when it is decoded, see submissions.py
    plain = text.partition(",")[2] if text[:5].lower() == "data:" else text
    plain = plain.translate({13: None, 10: None}).rstrip("=")
    padded = (plain + "=" * (-len(plain) % 4)).translate(str.maketrans("-_", "+/"))
    assert decoded == base64.b64decode(padded)
