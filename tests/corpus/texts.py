"""Lines: broken JSON, broken Base64, odd ids and names, metadata without measure."""

import json
from collections.abc import Iterator
from typing import Any

from tests.corpus.case import (
    BASE64,
    NOT_AN_IMAGE,
    OK,
    Case,
    base64_text,
    invalid,
    of_row,
    small_photo,
    unprocessable,
)
from tests.payloads import row

_NOT_JSON, _TOO_DEEP = unprocessable("not_json"), unprocessable("too_deep")
_METADATA = unprocessable("metadata")


def cases() -> list[Case]:
    """Gives rows and lines."""
    return [*_json(), *_base64(), *_ids(), *_names(), *_metadata(), *_faces()]


def _json() -> Iterator[Case]:
    good = json.dumps(row("json", small_photo()))
    head = '{"person_id": "json", "extra": '
    for name, line, ends in [
        ("a word", "person", _NOT_JSON),
        ("a number", "7", _NOT_JSON),
        ("null", "null", _NOT_JSON),
        ("a list", f"[{good}]", _NOT_JSON),
        ("cut", good[:-1], _NOT_JSON),
        ("cut in its face", good[: len(good) // 2], _NOT_JSON),
        ("two objects", good + good, _NOT_JSON),
        ("a comma too many", good[:-1] + ",}", _NOT_JSON),
        ("single quotes", "{'person_id': 'a'}", _NOT_JSON),
        ("NaN", head + "NaN}", _NOT_JSON),
        ("minus infinity", head + "-Infinity}", _NOT_JSON),
        ("a control character", '{"person_id": "a\x01b"}', _NOT_JSON),
        ("a broken escape", '{"person_id": "\\x41"}', _NOT_JSON),
        ("a zero byte", good + "\0", _NOT_JSON),
        ("65 lists", head + "[" * 65 + "]" * 65 + "}", _TOO_DEEP),
        ("65 objects", head + '{"a":' * 65 + "1" + "}" * 65 + "}", _TOO_DEEP),
        ("a million lists", head + "[" * 1_000_000, _TOO_DEEP),
        ("a million objects", '{"a":' * 1_000_000, _TOO_DEEP),
    ]:
        yield Case(f"JSON: {name}", line.encode(), ends)
    yield Case("JSON: bytes that are no text", b'{"person_id": "\xff\xfe"}', _NOT_JSON)
    yield Case("JSON: an overlong slash", b'{"person_id": "\xc0\xaf"}', _NOT_JSON)
    yield Case("JSON: UTF-16", good.encode("utf-16-le").replace(b"\n", b""), _NOT_JSON)
    twice = json.dumps(row("twice", small_photo()))[:-1] + ', "person_id": "other"}'
    yield Case("JSON: a key twice", twice.encode(), unprocessable("person_id"))
    yield of_row("JSON: 60 lists", OK, extra=_nested(60))
    digits = json.dumps(row("digits", small_photo()))[:-1] + ', "extra": ' + "1" * 5_000 + "}"
    yield Case("JSON: a number of 5000 digits", digits.encode(), OK)
    unknown = {f"unknown {n}": n for n in range(10_000)}
    yield of_row("JSON: 10000 unknown fields", OK, **unknown)


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def _base64() -> Iterator[Case]:
    text = base64_text(small_photo())
    for name, face, ends in [
        ("other signs", "&&&&", BASE64),
        ("a letter from elsewhere", text[:-4] + "Ä" + text[-3:], BASE64),
        ("a zero byte", text[:100] + "\0" + text[101:], BASE64),
        ("padding in the middle", text[:100] + "==" + text[102:], BASE64),
        ("a letter too many", "A", BASE64),
        ("padding alone", "====", BASE64),
        ("blanks", " ".join(text), BASE64),
        ("full width letters", "\uff21\uff22\uff23\uff24", BASE64),
        ("a lone surrogate", "\ud800" + text, BASE64),
        ("another prefix", "data:image/jpeg," + text, BASE64),
        ("a prefix without end", "data:image/jpeg;" + "a" * 200 + ";base64," + text, BASE64),
        ("two prefixes", "data:image/jpeg;base64,data:image/jpeg;base64," + text, BASE64),
        ("an address", "https://example.com/a.jpg", BASE64),
        ("line breaks alone", "\r\n" * 1_000, NOT_AN_IMAGE),
        ("nothing", "", NOT_AN_IMAGE),
        ("Base64 twice", base64_text(text.encode()), NOT_AN_IMAGE),
        ("a break after each letter", "\n".join(text), OK),
        ("too many bytes", "A" * 28_000_000, invalid("too_many_bytes")),
    ]:
        yield of_row(f"Base64: {name}", ends, face_base_64=face)


def _ids() -> Iterator[Case]:
    refused = {
        "U+0000": "a\0b",
        "a lone surrogate": "a\ud800",
        "513 bytes": "x" * 513,
        "129 smileys": "\U0001f600" * 129,
        "a megabyte": "x" * 1_000_000,
        "nothing": "",
        "a number": 7,
        "a large number": 10**4_000,
        "true": True,
        "a list": ["a"],
        "an object": {"a": "b"},
        "null": None,
    }
    for name, person_id in refused.items():
        yield of_row(f"id: {name}", unprocessable("person_id"), person_id=person_id)
    lawful = {
        "control characters": "a\x01\x1b[31m\x7fb",
        "line breaks": "a\r\nb\u2028c\u2029d\x85e",
        "a path": "../../etc/passwd",
        "a path elsewhere": "/etc/passwd",
        "a Windows path": "C:\\nul",
        "a dot": ".",
        "zero width": "a\u200b\u200c\u200d\ufeffb",
        "zero width alone": "\u200b",
        "combining": "e\u0301",
        "composed": "\u00e9",
        "many combining": "a" + "\u0301" * 250,
        "bidi marks": "\u202eabc\u202c\u2066d\u2069",
        "a blank": " ",
        "512 bytes": "x" * 512,
        "128 smileys": "\U0001f600" * 128,
        "no character": "\uffff\U0010ffff",
        "capitals": "ID: capitals",
        "small letters": "id: capitals",
        "SQL": "'; DROP TABLE persons; --",
        "a template": "{{7*7}}${7*7}%s%n",
        "JSON": '{"person_id": "a"}',
        "a tag": "<script>alert(1)</script>",
    }
    for name, person_id in lawful.items():
        yield of_row(f"id: {name}", OK, person_id=person_id)


def _names() -> Iterator[Case]:
    for name, value in {"a number": 7, "null": None, "a list": [], "a surrogate": "\udfff"}.items():
        yield of_row(f"name: {name}", unprocessable("person_name"), person_name=value)
    for name, value in {"nothing": "", "U+0000": "a\0", "a megabyte": "x" * 1_000_000}.items():
        yield of_row(f"name: {name}", OK, person_name=value)


def _metadata() -> Iterator[Case]:
    for name, value in {
        "text": "a",
        "a list": ["a"],
        "an object within": {"a": {"b": "c"}},
        "a list within": {"a": []},
        "30 objects": {"a": _nested(30)},
        "a surrogate": {"a": "\ud800"},
        "a surrogate as key": {"\ud800": "a"},
    }.items():
        yield of_row(f"metadata: {name}", _METADATA, metadata=value)
    for name, value in {
        "10000 keys": {f"key {n}": f"value {n}" for n in range(10_000)},
        "10000 numbers": {f"{n}": n for n in range(10_000)},
        "10000 nulls": {f"{n}": None for n in range(10_000)},
        "a key of a megabyte": {"k" * 1_000_000: "v"},
        "a value of a megabyte": {"k": "v" * 1_000_000},
        "a key of nothing": {"": ""},
        "U+0000": {"a\0": "b\0"},
        "names of the store": {"person_id": "x", "vector": "y", "$where": "1", "a.b[]": "c"},
        "a number of 300 digits": {"a": 10**300},
        "marks": {"\u202e": "\u200b", "e\u0301": "1", "\u00e9": "2"},
    }.items():
        yield of_row(f"metadata: {name}", OK, metadata=value)
    for name, text in {"a key twice": '{"a": 1, "a": 2}', "a large number": '{"a": 1e999}'}.items():
        line = json.dumps(row(f"metadata: {name}", small_photo(), metadata={}))
        yield Case(f"metadata: {name}", line.replace("{}", text).encode(), _METADATA)


def _faces() -> Iterator[Case]:
    text = base64_text(small_photo())
    for name, fields, ends in [
        ("none", {"face_base_64": None}, unprocessable("face_base_64")),
        ("a number", {"face_base_64": 7}, unprocessable("face_base_64")),
        ("a list", {"face_base_64": [text]}, unprocessable("face_base_64")),
        ("two", {"face_uri": "a.jpg"}, unprocessable("face_uri")),
    ]:
        yield of_row(f"face: {name}", ends, **fields)
    for uri, detail in {
        "../../etc/passwd": "uri_not_allowed",
        "/etc/passwd": "uri_not_allowed",
        "file:///etc/passwd": "uri_not_allowed",
        "FILE:///etc/passwd": "uri_not_allowed",
        "http://169.254.169.254/latest": "uri_not_allowed",
        "gs://bucket/a.jpg": "uri_not_allowed",
        "a\0.jpg": "uri_not_found",
        "a" * 5_000: "uri_not_found",
        "./" * 2_000 + "a.jpg": "uri_not_found",
        "": "uri_not_found",
        "*.jsonl": "uri_not_found",
    }.items():
        fields = {"face_base_64": None, "face_uri": uri}
        yield of_row(f"face_uri: {uri[:40]!r}", invalid(detail), **fields)
