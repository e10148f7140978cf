"""Input files of any form, good and bad, with the records that they must give."""

import base64
import binascii
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from backports import zstd
from hypothesis import strategies as st

from tests.builders import COMPRESS
from tests.fuzz.verdicts import BAD_CONTENT, GOOD, MAX_ROW_BYTES, Person, Verdict, persons

T = TypeVar("T")

COLLECTION, OTHER_MODEL, ABSENT = "people", "other-model", "absent"
NOT_JSON, TOO_DEEP = (BAD_CONTENT, "not_json"), (BAD_CONTENT, "too_deep")
TOO_LARGE, DAMAGE = (BAD_CONTENT, "too_large"), (BAD_CONTENT, "truncated_input")

_PARQUET = pa.schema(
    [
        ("face_base_64", pa.string()),
        ("person_id", pa.string()),
        ("metadata", pa.map_(pa.string(), pa.string())),
        ("face_uri", pa.string()),
        ("face", pa.binary()),
        ("person_name", pa.string()),
        ("unknown", pa.int8()),
    ]
)


@dataclass(frozen=True)
class Row:
    """A row where it stands. has_id: it takes part in the search for duplicates.

    request, row: as in its record. collection: None for that of the job. lost: damage lies before
    it.
    """

    source: str
    request: int | None
    row: int | None
    collection: str | None
    verdict: Verdict
    person_id: str | None = None
    has_id: bool = False
    lost: bool = False


@dataclass(frozen=True)
class InputFile:
    """A file and its rows. limitable: where its rows end does not change what they are."""

    name: str
    content: bytes
    rows: Sequence[Row]
    limitable: bool = True


@dataclass(frozen=True)
class Line:
    """A line that is no person. verdict: None where it is no row at all.

    is_object: it could be a person's row, if it were shorter.
    """

    content: bytes
    verdict: Verdict | None
    is_object: bool = False


@dataclass(frozen=True)
class Body:
    """A `PUT /persons` request. refused: the verdict of all its persons; malformed: of it."""

    collection: str
    content: bytes
    persons: Sequence[Person]
    refused: Verdict | None = None
    malformed: Verdict | None = None


BROKEN = [b"rubbish", b"{", b"[1]", b'"x"', b"1", b"\xff\xfe", b'{"person_id": NaN}', b"{}{}"]
DEEP = b'{"person_id": "a", "x": ' + b"[" * 70 + b"]" * 70 + b"}"
LONG = b'{"person_id": "a", "x": "' + b"x" * MAX_ROW_BYTES + b'"}'
# In Parquet its id can be read all the same.
LARGE_ROW = Person("p1", TOO_LARGE, (("person_id", "p1"), ("person_name", "x" * MAX_ROW_BYTES)))
lines = st.one_of(
    st.sampled_from([b"", b" \t", b"\r"]).map(lambda each: Line(each, None)),
    st.sampled_from(BROKEN).map(lambda each: Line(each, NOT_JSON)),
    st.just(Line(DEEP, TOO_DEEP)),
    st.just(Line(LONG, TOO_LARGE, is_object=True)),
)
# What stands in `persons` and is no object, or too much of one.
strange_persons = st.one_of(
    st.sampled_from([b"5", b"null", b'"x"', b"[]"]).map(lambda each: Line(each, NOT_JSON)),
    st.just(Line(DEEP, TOO_DEEP)),
    st.just(Line(LONG, TOO_LARGE, is_object=True)),
)

_STORAGE = b'"face_storage_type": "NoStorage"'
_HEADS: list[tuple[str, bytes, Verdict | None]] = [
    *[(COLLECTION, b'"collection_name": "people", ' + _STORAGE, None)] * 5,
    (OTHER_MODEL, b'"collection_name": "other-model", ' + _STORAGE, ("ERR_MODEL_MISMATCH", "")),
    (ABSENT, _STORAGE + b', "collection_name": "absent"', ("ERR_NOT_FOUND", "")),
    ("a b", b'"collection_name": "a b", ' + _STORAGE, ("ERR_INVALID_COLLECTION_NAME", "")),
    ("", _STORAGE, (BAD_CONTENT, "collection_name")),
    ("", b'"collection_name": 5, ' + _STORAGE, (BAD_CONTENT, "collection_name")),
    (COLLECTION, b'"collection_name": "people"', (BAD_CONTENT, "face_storage_type")),
    (
        COLLECTION,
        b'"face_storage_type": "All", "collection_name": "people"',
        (BAD_CONTENT, "face_storage_type"),
    ),
]


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    """Gives bodies, some of them refused and some malformed."""
    collection, head, refused = draw(st.sampled_from(_HEADS))
    found = draw(st.lists(st.one_of(persons(), persons(), strange_persons), max_size=5))
    raw = [each.json if isinstance(each, Person) else each.content for each in found]
    listed = b'"persons": [' + b", ".join(raw) + b"]"
    content = b"{" + b", ".join(draw(st.permutations([head, listed]))) + b"}"
    inside = [
        each if isinstance(each, Person) else Person(None, each.verdict or GOOD, ())
        for each in found
    ]
    whole = Body(collection, content, inside, refused)
    kinds = ["whole"] * 6 + ["cut", "no list", "twice"]
    match draw(st.sampled_from(kinds)):
        case "cut":
            start = b"{" + head + b', "persons": [{"person_id"'
            return replace(whole, content=start, malformed=NOT_JSON)
        case "no list":
            content = b"{" + head + b', "persons": {"person_id": "a"}}'
            return replace(whole, content=content, malformed=(BAD_CONTENT, "persons"))
        case "twice":
            content = b"{" + head + b', "persons": [], "persons": []}'
            return replace(whole, content=content, malformed=(BAD_CONTENT, "persons"))
        case _:
            return whole


def _rows_of(body: Body, source: str, request: int) -> list[Row]:
    if body.malformed:
        return [Row(source, request, None, body.collection, body.malformed)]
    return [
        Row(
            source,
            request,
            n,
            body.collection,
            body.refused or each.verdict,
            each.person_id,
            has_id=each.person_id is not None and body.refused is None,
        )
        for n, each in enumerate(body.persons)
    ]


def some(of: st.SearchStrategy[T]) -> st.SearchStrategy[list[T]]:
    """Gives none, a few or many."""
    sizes = st.sampled_from([0, 1, 3, 10, 30, 100])
    return sizes.flatmap(lambda size: st.lists(of, min_size=size, max_size=size))


@st.composite
def json_lines(draw: st.DrawFn, name: str) -> InputFile:
    """Gives JSONL of persons, lines that are none, and bodies; compressed, cut, or neither."""
    few_bodies = st.one_of(persons(), persons(), persons(), lines, bodies())
    kind = draw(st.sampled_from([st.one_of(persons(), lines), few_bodies, bodies(), few_bodies]))
    found = draw(some(kind))
    contents = [each.json if isinstance(each, Person) else each.content for each in found]
    text = b"".join(each + b"\n" for each in contents)
    if text and draw(st.booleans()):
        text = text[:-1]
    if text and draw(st.booleans()):
        text = b"\xef\xbb\xbf" + text
    suffix = draw(st.sampled_from(list(COMPRESS)))
    content, damaged = COMPRESS[suffix](text), False
    if suffix != ".jsonl" and draw(st.integers(0, 3)) == 0:
        content, damaged = content[: draw(st.integers(4, len(content) - 1))], True
        # Of the mark of its format it has all. The line in which it breaks off is no row.
        found = found[: _readable(content, suffix).count(b"\n")]
    source = name + suffix
    has_bodies = any(isinstance(each, Body) for each in found)
    # Where all that can be read are bodies, what cannot be read counts as one.
    are_bodies = has_bodies and not any(
        isinstance(each, Person) or (isinstance(each, Line) and each.is_object) for each in found
    )
    rows: list[Row] = []
    for n, each in enumerate(found):
        if isinstance(each, Body):
            rows += _rows_of(each, source, n)
        elif isinstance(each, Person):
            has_id = each.person_id is not None
            rows.append(Row(source, None, n, None, each.verdict, each.person_id, has_id))
        elif each.verdict is not None:
            place = (n, None, "") if are_bodies else (None, n, None)
            rows.append(Row(source, *place, each.verdict))
    if damaged:
        rows.append(Row(source, None, None, None, DAMAGE))
    return InputFile(source, content, rows, limitable=not (damaged or has_bodies))


def _readable(content: bytes, suffix: str) -> bytes:
    """Gives what can be decompressed of it."""
    if suffix == ".jsonl.gz":
        return zlib.decompressobj(wbits=31).decompress(content)
    return zstd.ZstdDecompressor().decompress(content)


@st.composite
def json_bodies(draw: st.DrawFn, name: str) -> InputFile:
    """Gives a file that is one body, or no body at all."""
    strange = st.sampled_from([(b"", "not_json"), (b"[]", "not_json"), (b"{}", "persons")])
    source = f"{name}.json"
    if draw(st.integers(0, 5)) == 0:
        content, detail = draw(strange)
        rows = [Row(source, 0, None, "", (BAD_CONTENT, detail))]
        return InputFile(source, content, rows)
    body = draw(bodies())
    bom = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    return InputFile(source, bom + body.content, _rows_of(body, source, 0))


@st.composite
def parquet(draw: st.DrawFn, name: str) -> InputFile:
    """Gives Parquet of any row-group size; now and then a column of a row group is destroyed."""
    people = persons(json=False)
    found = draw(some(st.one_of(people, people, people, st.just(LARGE_ROW))))
    source = f"{name}.parquet"
    values = [_parquet_values(each, draw(st.booleans())) for each in found]
    sink = pa.BufferOutputStream()
    rows_a_group = draw(st.sampled_from([1, 2, 7, 64, 1000]))
    with pq.ParquetWriter(sink, _PARQUET, use_dictionary=draw(st.booleans())) as writer:
        table = pa.Table.from_pylist(values, _PARQUET)
        writer.write_table(table, row_group_size=rows_a_group)
    content = sink.getvalue().to_pybytes()
    rows = [
        Row(source, None, n, None, each.verdict, each.person_id, each.person_id is not None)
        for n, each in enumerate(found)
    ]
    damaged = bool(found) and draw(st.integers(0, 3)) == 0
    if damaged:
        group = draw(st.integers(0, (len(found) - 1) // rows_a_group))
        column = draw(st.sampled_from(["person_id", "face_base_64"]))
        content = _destroyed(content, group, column)
        gone = range(group * rows_a_group, (group + 1) * rows_a_group)
        rows = [
            replace(each, lost=True, has_id=each.has_id and column != "person_id")
            if each.row in gone
            else each
            for each in rows
        ]
        rows.append(Row(source, None, None, None, DAMAGE))
    return InputFile(source, content, rows, limitable=not damaged)


def _parquet_values(person: Person, binary: bool) -> dict[str, Any]:
    values = dict(person.fields)
    if binary and values.get("face_base_64"):
        try:
            face = base64.b64decode(values["face_base_64"], validate=True)
        except (ValueError, binascii.Error):
            return values
        values |= {"face": face, "face_base_64": None}
    return values


def _destroyed(content: bytes, group: int, column: str) -> bytes:
    metadata = pq.read_metadata(pa.BufferReader(content)).row_group(group)
    chunks = map(metadata.column, range(metadata.num_columns))
    [chunk] = [each for each in chunks if each.path_in_schema == column]
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    end = start + chunk.total_compressed_size
    return content[:start] + b"\xff" * (end - start) + content[end:]


@st.composite
def jobs(draw: st.DrawFn) -> list[InputFile]:
    """Gives one to three files, named in input order."""
    kinds = [json_lines, json_lines, json_bodies, parquet, parquet]
    number = draw(st.integers(1, 3))
    return [draw(draw(st.sampled_from(kinds))(name)) for name in "abc"[:number]]


def write(folder: Path, files: Sequence[InputFile]) -> tuple[str, ...]:
    """Writes the files, and gives their paths."""
    for each in files:
        (folder / each.name).write_bytes(each.content)
    return tuple(str(folder / each.name) for each in files)
