"""The rules in short: what is wrong with each spelling of a field, and so how its row must end.

Written beside the product and not with it: each spelling stands here with its verdict, and a row
ends with the first that is not good, in the order id, name, metadata, face.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.builders import make_image

MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, MAX_ROW_BYTES = 12_000, 10_000, 20_000
NO_FACE_WIDTH, TWO_FACES_WIDTH = 65, 66

OK, BAD_CONTENT, BAD_IMAGE = "OK", "ERR_UNPROCESSABLE_CONTENT", "ERR_INVALID_IMAGE"
MULTIPLE, NO_FACE, DUPLICATE = "ERR_MULTIPLE_FACES", "ERR_FACE_NOT_DETECTED", "ERR_DUPLICATE_ID"

Verdict = tuple[str, str]  # code and detail
GOOD: Verdict = (OK, "")


class Raw(str):
    """JSON text that stands as it is."""

    __slots__ = ()


@dataclass(frozen=True)
class Spelling:
    """Fields as they stand, and what they make of a row that is good otherwise."""

    fields: dict[str, Any]
    verdict: Verdict = GOOD
    json_only: bool = False


@dataclass(frozen=True)
class Person:
    """A row of fields. person_id: None where none can be read."""

    person_id: str | None
    verdict: Verdict
    fields: tuple[tuple[str, Any], ...] = field(repr=False)

    @property
    def json(self) -> bytes:
        """The object, with keys that stand twice where the fields do."""
        values = [
            f"{json.dumps(key)}: {value if isinstance(value, Raw) else json.dumps(value)}"
            for key, value in self.fields
        ]
        return ("{" + ", ".join(values) + "}").encode()


def base_64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@cache
def images() -> dict[str, bytes]:
    """Gives an image of each format, and images of which the null detector makes something."""
    made = {fmt: make_image(32, 24, fmt) for fmt in ("JPEG", "PNG", "WEBP", "BMP", "TIFF")}
    made["no face"] = make_image(NO_FACE_WIDTH, 24)
    made["two faces"] = make_image(TWO_FACES_WIDTH, 24)
    return made


def _bad(field_name: str) -> Verdict:
    return BAD_CONTENT, field_name


def _ids() -> tuple[list[Spelling], list[Spelling]]:
    lawful = ["a", "A", "b", "\u00e9", "e\u0301", "\u200b", "../a", " a", "a\n", "x" * 512]
    unlawful: list[Any] = ["", "a\0b", "x" * 513, "\u00e9" * 257, None]
    of_json: list[Any] = [5, True, 1.5, ["a"], {"a": 1}, "\ud800", "a\udfff", Raw('"a\\udc00"')]
    twice = Spelling({"person_id": Raw('"a", "person_id": "b"')}, _bad("person_id"), json_only=True)
    return [Spelling({"person_id": each}) for each in lawful], [
        Spelling({}, _bad("person_id"), json_only=True),
        *(Spelling({"person_id": each}, _bad("person_id")) for each in unlawful),
        *(Spelling({"person_id": each}, _bad("person_id"), json_only=True) for each in of_json),
        twice,
    ]


def _names() -> tuple[list[Spelling], list[Spelling]]:
    of_json: list[Any] = [1, {}, "\udfff", Raw('"a", "person_name": "a"')]
    return [Spelling({"person_name": each}) for each in ("Jane", "", "\u2028\u00e9\x85")], [
        Spelling({"person_name": None}, _bad("person_name")),
        *(Spelling({"person_name": each}, _bad("person_name"), json_only=True) for each in of_json),
    ]


def _metadata() -> tuple[list[Spelling], list[Spelling]]:
    scalars = {"a": 1, "b": True, "c": None, "d": 1.5, "e": "x"}
    nested: list[Any] = [{"a": {"b": 1}}, {"a": [1]}, [], "text", {"a": "\ud800"}, {"\ud800": "a"}]
    nested += [Raw('{"a": "1", "a": "1"}'), Raw('{"a": 1e999}')]
    return [
        *(Spelling({"metadata": each}) for each in (None, {}, {"team": "blue", "": ""})),
        Spelling({"metadata": scalars}, json_only=True),
        Spelling({}, json_only=True),
    ], [Spelling({"metadata": each}, _bad("metadata"), json_only=True) for each in nested]


def _faces() -> tuple[list[Spelling], list[Spelling]]:
    jpeg = images()["JPEG"]
    text = base_64(jpeg)
    texts = [base_64(images()[fmt]) for fmt in ("JPEG", "PNG", "WEBP", "BMP", "TIFF")]
    texts += [text.rstrip("="), text.translate(str.maketrans("+/", "-_"))]
    texts += [f"data:image/jpeg;base64,{text}", "\r\n".join([text[:40], text[40:]])]
    bad_images = {
        "not_an_image": [b"no image", b"<svg></svg>", b"\0" * 50, b""],
        "format_not_supported": [make_image(fmt="GIF")],
        "truncated": [images()["PNG"][:60], jpeg[:200], images()["WEBP"][:50], b"\xff\xd8\xff"],
        "too_many_bytes": [jpeg + b"\0" * MAX_IMAGE_BYTES],
        "too_many_pixels": [make_image(101, 100, "PNG", mode="1")],
    }
    bad_uris = {
        "uri_not_allowed": ["../face.jpg", "/etc/face.jpg", "ftp://host/face.jpg"],
        "uri_not_found": ["missing.jpg", ".", "a\0b", "x" * 5000],
    }
    base64_fault = (BAD_IMAGE, "base64")
    return [
        *(Spelling({"face_base_64": each}) for each in texts),
        Spelling({"face_uri": "face.jpg"}),
        Spelling({"face_base_64": base_64(images()["no face"])}, (NO_FACE, "")),
        Spelling({"face_base_64": base_64(images()["two faces"])}, (MULTIPLE, "2")),
    ], [
        *(Spelling({"face_base_64": each}, base64_fault) for each in ("!", "a", "\u00e9", "====")),
        *(
            Spelling({"face_base_64": base_64(each)}, (BAD_IMAGE, detail))
            for detail, contents in bad_images.items()
            for each in contents
        ),
        *(
            Spelling({"face_uri": each}, (BAD_IMAGE, detail))
            for detail, uris in bad_uris.items()
            for each in uris
        ),
        Spelling({"face_base_64": None}, _bad("face_base_64")),
        Spelling({"face_base_64": text, "face_uri": "face.jpg"}, _bad("face_uri")),
        Spelling({"face_base_64": 5}, _bad("face_base_64"), json_only=True),
        Spelling({"face_uri": ["face.jpg"]}, _bad("face_uri"), json_only=True),
        Spelling({"vector": [1.0]}, _bad("vector"), json_only=True),
        Spelling({"face": text}, _bad("face_base_64"), json_only=True),  # no field of JSON
    ]


def _groups(json: bool) -> list[tuple[list[Spelling], list[Spelling]]]:
    """Gives the good and the bad spellings of id, name, metadata and face."""
    return [
        (
            [each for each in good if json or not each.json_only],
            [each for each in bad if json or not each.json_only],
        )
        for good, bad in (_ids(), _names(), _metadata(), _faces())
    ]


def _person(spellings: Sequence[Spelling], more: tuple[tuple[str, Any], ...] = ()) -> Person:
    """Gives the row of these spellings of id, name, metadata and face."""
    verdict = next((each.verdict for each in spellings if each.verdict != GOOD), GOOD)
    lawful = spellings[0].verdict == GOOD
    fields = tuple(pair for each in spellings for pair in each.fields.items())
    return Person(spellings[0].fields["person_id"] if lawful else None, verdict, fields + more)


@cache
def _good(json: bool) -> list[Person]:
    """Gives rows of many persons, each with its good face."""
    groups = [good for good, _ in _groups(json)]
    return [
        _person([Spelling({"person_id": f"p{n}"}), *(each[n % len(each)] for each in groups[1:])])
        for n in range(200)
    ]


@cache
def _one_by_one(json: bool) -> list[Person]:
    """Gives every spelling in a row that is good otherwise."""
    groups = _groups(json)
    usual = [good[0] for good, _ in groups]
    found = []
    for place, (good, bad) in enumerate(groups):
        for n, each in enumerate([*good, *bad]):
            spellings = [Spelling({"person_id": f"q{place}-{n}"}), *usual[1:]]
            spellings[place] = each
            found.append(_person(spellings))
    return found


@st.composite
def _any(draw: st.DrawFn, json: bool) -> Person:
    """Gives any spelling beside any other, in any order."""
    spellings = [draw(st.sampled_from(good + bad)) for good, bad in _groups(json)]
    person = _person(spellings)
    if not json:
        return person
    more = draw(st.sampled_from([(), (("unknown", [1]),), (("persons ", 1),)]))
    return replace(person, fields=tuple(draw(st.permutations(person.fields + more))))


def persons(json: bool = True) -> st.SearchStrategy[Person]:
    """Gives rows, more good ones than bad. json: with what Parquet's columns cannot hold."""
    good, each = st.sampled_from(_good(json)), st.sampled_from(_one_by_one(json))
    return st.one_of(good, good, each, _any(json))
