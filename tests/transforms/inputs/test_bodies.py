import io
import json
import tracemalloc
from itertools import chain, repeat

import pytest

from schemas.errors import Code, Fault
from schemas.inputs import BodyHead
from schemas.options import FaceStorageType
from transforms.inputs.bodies import iter_persons, may_be_body, refusal, scan_body

BOM = b"\xef\xbb\xbf"
DEEP = b"[" * 200_000 + b"]" * 200_000
NO_STORAGE, THUMBNAILS = (
    b'"face_storage_type": "NoStorage"',
    b'"face_storage_type": "StoreThumbnails"',
)
STAFF = b'"collection_name": "staff"'
TWO = b'"persons": [{"person_id": "a"}, 3]'


def join(*fields):
    return b"{" + b", ".join(fields) + b"}"


def scan(content, max_person_bytes=1000):
    """The body, and its persons' raw bytes."""
    persons = []
    body = scan_body(io.BytesIO(content), 7, max_person_bytes, persons.append)
    for each in persons:
        raw = content[each.offset : each.offset + each.size]
        assert each.content == (raw if each.size <= max_person_bytes else None)
    return body, [content[each.offset : each.offset + each.size] for each in persons]


def fault(content):
    """The code or detail, and whether the body is malformed."""
    head = scan(content)[0].head
    return head.fault and (head.fault.detail or head.fault.code, head.malformed)


@pytest.mark.parametrize("fields", [(STAFF, THUMBNAILS, TWO), (TWO, THUMBNAILS, STAFF)])
@pytest.mark.parametrize("bom", [b"", BOM])
def test_a_good_body(fields, bom):
    body, persons = scan(bom + b" \n" + join(*fields) + b"\r\n")
    opening = '{"collection_name": "staff", "face_storage_type": "StoreThumbnails"}'
    assert body.head == BodyHead(7, "staff", FaceStorageType.THUMBNAILS, None, False, opening)
    assert (body.persons, body.rows, body.has_persons) == (2, 2, True)
    assert body.unknown_fields == frozenset()
    assert persons == [b'{"person_id": "a"}', b"3"]


@pytest.mark.parametrize("storage", FaceStorageType)
def test_every_storage_type(storage):
    body, _ = scan(join(STAFF, TWO, b'"face_storage_type": "%s"' % storage.encode()))
    assert (body.head.face_storage_type, body.head.fault) == (storage, None)


def test_keys_may_be_escaped():
    body, persons = scan(
        join(rb'"\u0070ersons": [1]', rb'"collection\u005fname": "\u0061"', NO_STORAGE)
    )
    assert (body.head.fault, body.head.collection, persons) == (None, "a", [b"1"])


def test_other_fields_are_named():
    body, _ = scan(join(STAFF, NO_STORAGE, b'"x": [{"y": 1}], "\\u00e9": {}', TWO))
    assert body.unknown_fields == {"x", "é"}
    assert body.head.fault is None


NAME, STORAGE = "collection_name", "face_storage_type"
WRONG_TYPES = [b"null", b"true", b"7", b"1.5", b'["a"]', b'{"a": 1}', b"[]", b'{"a": 1, "a": 2}']


class TestTheFieldsBesidePersons:
    """Each person has such a fault, so the body can be told apart."""

    def check(self, fields, detail):
        for content in (join(*fields, TWO), join(TWO, *fields)):
            body, persons = scan(content)
            assert body.head.fault == Fault(Code.UNPROCESSABLE_CONTENT, detail)
            assert not body.head.malformed
            assert (body.persons, body.rows, len(persons)) == (2, 2, 2)

    def test_left_out(self):
        self.check([NO_STORAGE], NAME)
        self.check([STAFF], STORAGE)
        self.check([], NAME)

    @pytest.mark.parametrize("value", [*WRONG_TYPES, rb'"\ud800"'], ids=repr)
    def test_of_another_type(self, value):
        self.check([b'"collection_name": ' + value, NO_STORAGE], NAME)
        self.check([STAFF, b'"face_storage_type": ' + value], STORAGE)

    @pytest.mark.parametrize("value", [b'"nostorage"', b'""', b'"StoreAll"', b'"NoStorage "'])
    def test_an_unknown_storage(self, value):
        self.check([STAFF, b'"face_storage_type": ' + value], STORAGE)

    def test_twice(self):
        self.check([STAFF, STAFF, NO_STORAGE], NAME)
        self.check([STAFF, NO_STORAGE, THUMBNAILS], STORAGE)
        self.check([STAFF, NO_STORAGE, rb'"collection_nam\u0065": "x"'], NAME)

    def test_too_long_to_be_a_name(self):
        self.check([b'"collection_name": "' + b"a" * 100_000 + b'"', NO_STORAGE], NAME)

    @pytest.mark.parametrize("name", ["a b", "..", ".", "", "a/b", "é", "a\n", "a" * 256])
    def test_an_unlawful_name(self, name):
        body, _ = scan(join(b'"collection_name": ' + json.dumps(name).encode(), NO_STORAGE, TWO))
        assert body.head.fault == Fault(Code.INVALID_COLLECTION_NAME)
        assert (body.head.malformed, body.head.collection) == (False, name[:255])

    def test_the_longest_name(self):
        body, _ = scan(join(b'"collection_name": "' + b"a" * 255 + b'"', NO_STORAGE, TWO))
        assert (body.head.fault, body.head.collection) == (None, "a" * 255)


class TestPersons:
    @pytest.mark.parametrize("persons", [b"{}", b'"a"', b"null", b"3", b'{"a": [1]}', b"true"])
    def test_that_are_no_list(self, persons):
        content = join(STAFF, b'"persons": ' + persons, NO_STORAGE)
        body, found = scan(content)
        assert fault(content) == ("persons", True)
        assert (body.rows, body.has_persons, body.head.collection) == (1, True, "staff")
        assert found == []

    def test_that_are_missing(self):
        body, _ = scan(join(STAFF, NO_STORAGE))
        assert (body.head.malformed, body.head.fault.detail) == (True, "persons")
        assert not body.has_persons

    @pytest.mark.parametrize("second", [TWO, b'"persons": 1', b'"persons": []'])
    def test_that_stand_twice(self, second):
        assert fault(join(STAFF, NO_STORAGE, TWO, second)) == ("persons", True)
        assert fault(join(STAFF, NO_STORAGE, second, TWO)) == ("persons", True)

    @pytest.mark.parametrize("empty", [b"[]", b"[ \n ]"])
    def test_of_whom_there_are_none(self, empty):
        body, persons = scan(join(STAFF, NO_STORAGE, b'"persons": ' + empty))
        assert (body.head.fault, body.persons, body.rows, persons) == (None, 0, 0, [])

    def test_that_are_no_objects_are_their_own_affair(self):
        raw = [b"1", b'"a"', b"null", b"[]", b'{"a": 1, "a": 2}', rb'"\ud800"', b"{}"]
        body, persons = scan(join(STAFF, NO_STORAGE, b'"persons": [' + b" ,\t".join(raw) + b"]"))
        assert (body.head.fault, persons) == (None, raw)

    def test_that_are_too_large_are_as_well(self):
        large = b'{"a": "' + b"x" * 992 + b'"}'
        content = join(STAFF, NO_STORAGE, b'"persons": [1, ' + large + b", 2]")
        body, persons = scan(content)
        assert (body.head.fault, persons) == (None, [b"1", large, b"2"])

    @pytest.mark.parametrize("size", [1000, 1_000_000])
    def test_that_are_too_deep_are_as_well(self, size):
        content = join(STAFF, NO_STORAGE, b'"persons": [1, {"a": ' + DEEP + b"}, 2]")
        body, persons = scan(content, size)
        assert (body.head.fault, len(persons)) == (None, 3)

    @pytest.mark.parametrize(
        "persons",
        [b"1 2", b",1", b"1,", b"{", b"}", b"nul", b"NaN", b"[1}", b"'a'", b'{"a":-Infinity}'],
    )
    def test_that_are_no_json(self, persons):
        content = join(STAFF, NO_STORAGE, b'"persons": [' + persons + b"]")
        assert fault(content) == ("not_json", True)
        assert scan(content)[0].rows == 1


class TestMalformed:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b" \n",
            BOM,
            b"null",
            b'"persons"',
            b"[]",
            b'[{"persons": []}]',
            b"nonsense",
            b"{'persons': []}",
            b"{persons: []}",
            b'{1: 2, "persons": []}',
            b'{"x": NaN, ' + TWO + b"}",
            b'{"x": "\xff", ' + TWO + b"}",
            b'{"x": "\t", ' + TWO + b"}",
            b'{"\xff": 1, ' + TWO + b"}",
            b'{"x" 1, ' + TWO + b"}",
            b"{" + TWO + b",}",
            b"{," + TWO + b"}",
            b"\xff\xfe" + join(STAFF, NO_STORAGE, TWO).decode().encode("utf-16-le"),
            BOM + BOM + join(STAFF, NO_STORAGE, TWO),
        ],
        ids=repr,
    )
    def test_no_json(self, content):
        assert fault(content) == ("not_json", True)

    @pytest.mark.parametrize("garbage", [b"x", b"{}", b"}", b",", b'"', b"\0", BOM], ids=repr)
    def test_garbage_behind(self, garbage):
        good = join(STAFF, NO_STORAGE, TWO)
        assert fault(good) is None
        assert fault(good + garbage) == fault(good + b"\n" + garbage) == ("not_json", True)

    @pytest.mark.parametrize("fields", [(STAFF, NO_STORAGE, TWO), (TWO, NO_STORAGE, STAFF)])
    def test_cut_at_every_byte(self, fields):
        content = BOM + join(*fields, b'"x": {"y": [1, "\\"]", null]}')
        assert fault(content) is None
        for end in range(len(content)):
            assert fault(content[:end]) == ("not_json", True)

    @pytest.mark.parametrize(
        "content",
        [
            join(b'"x": ' + DEEP, TWO),
            join(TWO, b'"x": {"y": ' + DEEP + b"}"),
            join(b'"collection_name": ' + DEEP, TWO),
            join(TWO, b'"x": ' + DEEP)[:-300_000],
            b'{"persons": [' + DEEP[:-1],
            DEEP,
            DEEP[:200_000],
            b'{"a":' * 70,
        ],
        ids=lambda each: repr(each[:20]),
    )
    def test_too_deep(self, content):
        assert fault(content) == ("too_deep", True)

    def test_depth_beside_persons(self):
        for depth, expected in ((64, None), (65, ("too_deep", True))):
            value = b'"x": ' + b"[" * depth + b"]" * depth
            assert fault(join(STAFF, NO_STORAGE, TWO, value)) == expected

    def test_what_is_known_by_then_is_told(self):
        head = scan(join(NO_STORAGE, STAFF, TWO)[:-1])[0].head
        opening = '{"collection_name": "staff", "face_storage_type": "NoStorage"}'
        assert (head.collection, head.opening) == ("staff", opening)


class TestOpening:
    """With it, a body of one person has the faults that his own had."""

    @pytest.mark.parametrize("name", [None, b"7", b"1e999", rb'"\ud800"', b'["a"]', '"é"'.encode()])
    @pytest.mark.parametrize("storage", [None, b"null", b'"NoStorage"', b'{"a": [-1E999]}'])
    def test_holds_the_fields_as_they_came(self, name, storage):
        given = {"collection_name": name, "face_storage_type": storage}
        fields = [b'"%s": %s' % (key.encode(), each) for key, each in given.items() if each]
        body, _ = scan(join(*fields, TWO))
        assert json.loads(body.head.opening) == json.loads(join(*fields))
        comma = ", " if fields else ""
        again, persons = scan(f'{body.head.opening[:-1]}{comma}"persons": [1]}}'.encode())
        assert (again.head, persons) == (body.head, [b"1"])

    @pytest.mark.parametrize(
        "fields", [(STAFF, STAFF, NO_STORAGE), (STAFF, NO_STORAGE, THUMBNAILS)]
    )
    def test_does_not_settle_what_stood_twice(self, fields):
        head = scan(join(*fields, TWO))[0].head
        again, _ = scan(f'{head.opening[:-1]}, "persons": []}}'.encode())
        assert again.head.fault == head.fault


class Endless:
    """A stream of what its parts say, which holds none of it."""

    def __init__(self, *parts):
        self._pieces = chain.from_iterable(parts)
        self._left = b""

    def read(self, size):
        piece = self._left or next(self._pieces, b"")
        self._left = piece[size:]
        return piece[:size]


LETTERS = b"a" * (1 << 20)


@pytest.mark.parametrize(
    ("before", "letter", "after", "expected"),
    [
        (b'"persons": [{"person_id": "', b"a", b'"}, 2]', None),
        (b'"persons": [1, ', b"1", b"]", None),
        (b'"persons": [1, 2], "x": "', b"a", b'"', None),
        (b'"persons": [1, 2], "x": "', rb"\"", b'"', None),
        (b'"persons": [1, 2], "x": ', b" ", b"1", None),
        (b'"persons": [1, 2], "', b"a", b'": 1', None),
        (b'"persons": [1, 2], "collection_name": "', b"a", b'"', "collection_name"),
        (b'"persons": "', b"a", b'"', "persons"),
    ],
)
def test_memory_is_bounded(before, letter, after, expected):
    start = b"{" + (b"" if expected == "collection_name" else STAFF + b", ") + NO_STORAGE + b", "
    piece = letter * ((1 << 20) // len(letter))
    times = 50 if letter.startswith(b"\\") else 200  # escapes take their time
    stream = Endless([start + before], repeat(piece, times), [after + b"}"])
    tracemalloc.start()
    body = scan_body(stream, 0, 1 << 20, lambda _: None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < (40 << 20)
    assert (body.head.fault and body.head.fault.detail) == expected
    assert body.persons == (0 if expected == "persons" else 2)


@pytest.mark.parametrize("first", range(4))
def test_persons_are_read_from_any_of_them_on(first):
    raw = [b'{"a": 1}', b'"' + b"b" * 50 + b'"', b"[[]]", b"4"]
    content = join(b'"persons": [' + b" ,\n".join(raw) + b"]", STAFF)
    offset = content.index(raw[first])
    count = len(raw) - first
    stream = io.BytesIO(content[offset:])
    found = list(iter_persons(stream, offset, count, lambda n: 20))
    assert [content[each.offset :][: each.size] for each in found] == raw[first:]
    assert [each.content for each in found] == [x if len(x) <= 20 else None for x in raw[first:]]


@pytest.mark.parametrize("key", [b"persons", rb"\u0070ersons", rb"p\u0065rsons", rb"person\u0073"])
def test_what_may_be_a_body(key):
    assert may_be_body(b'{"' + key + b'": []}')
    assert not may_be_body(b'{"person_id": "persons of \\u00e9"}')


def test_what_is_refused():
    into = {"staff": None, "other": Code.MODEL_MISMATCH}
    assert refusal("staff", into) is None
    assert refusal("other", into) == Fault(Code.MODEL_MISMATCH)
    assert refusal("nowhere", into) == Fault(Code.NOT_FOUND)
