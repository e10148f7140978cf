"""Reads `PUT /persons` bodies of any size in two passes: what stands around the persons, then they.

`collection_name` may stand behind `persons`, and that a body is cut short shows at its end: so it
is looked through as a whole before any person of it is given.
"""

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas.errors import Code, Detail, Fault, RejectedError
from schemas.ids import COLLECTION_NAME_MAX, is_collection_name
from schemas.inputs import COLLECTION_NAME, FACE_STORAGE_TYPE, PERSONS, BodyHead
from schemas.options import FaceStorageType
from transforms.inputs.json_rows import MAX_DEPTH, parse_json
from transforms.inputs.json_scanner import JsonScanner, Readable, Value
from transforms.person_metadata import as_text, is_text

_FIELDS = (COLLECTION_NAME, FACE_STORAGE_TYPE, PERSONS)
# Keys, and values beside `persons`, are not read where they are longer.
_SCALAR_BYTES = 1 << 16
# A value that no field can have is not carried along with every person.
_OPENING_BYTES = 1 << 10
# Unknown fields are told by name, within reason.
_MAX_NAMES, _MAX_NAME = 1000, 1000
_BODY_KEY = re.compile(rb'"(?:persons|collection_name)"')
# Of one of the letters of `persons`.
_ESCAPE = re.compile(rb"\\u00(?:6[5EeFf]|7[023])")


@dataclass(frozen=True, slots=True)
class Body:
    """What was found. has_persons, has_collection: whether it has the field."""

    head: BodyHead
    persons: int
    has_persons: bool
    has_collection: bool
    unknown_fields: frozenset[str]

    @property
    def rows(self) -> int:
        """What it counts in the account."""
        return 1 if self.head.malformed else self.persons

    def is_one(self, rows_expected: bool) -> bool:
        """True where the text is a body at all, and no person's row.

        Where no row is expected, one that names a collection is a body that lacks its persons.
        """
        return self.has_persons or (self.has_collection and not rows_expected)


def may_be_body(line: bytes) -> bool:
    """False where the line cannot be a body: all that most lines are asked."""
    # Most of a line is its image: no escape in it, and one byte is found fastest.
    if b"\\" in line and _ESCAPE.search(line):
        return True
    return _BODY_KEY.search(line) is not None


def scan_body(
    stream: Readable,
    request: int,
    max_person_bytes: int,
    each: Callable[[Value], object],
    offset: int = 0,
) -> Body:
    """Looks through a whole body; `each` is given its persons, at most so many bytes of one.

    Never raises for what stands in the body: that is the head's `fault`.
    """
    walk = _Walk(JsonScanner(stream.read, offset), max_person_bytes, each)
    fault = None
    try:
        walk.whole_body()
    except RejectedError as error:
        fault = error.fault
    head = _head(request, walk, fault)
    unknown = frozenset(as_text(name) for name in walk.times.keys() - set(_FIELDS))
    return Body(head, walk.persons, PERSONS in walk.times, COLLECTION_NAME in walk.times, unknown)


def iter_persons(
    stream: io.BufferedIOBase, offset: int, count: int, holds: Callable[[int], int]
) -> Iterator[Value]:
    """Gives `count` persons of a body that was looked through.

    The stream stands at byte `offset`, where one of them begins. holds: how many bytes to hold of
    the n-th of them at most. Raises EOFError where they are there no more.
    """
    # `read` would ask a decompressor on to the damage, and lose the persons that stand before it.
    scanner = JsonScanner(stream.read1, offset)
    try:
        for number in range(count):
            yield scanner.value(holds(number))
            if number < count - 1:
                scanner.take(b",")
    except RejectedError as error:
        raise EOFError("the file has changed") from error


def refusal(collection: str, bodies_into: Mapping[str, Code | None]) -> Fault | None:
    """Gives why no body can be enrolled into the collection, if so. bodies_into: see `Reading`."""
    code = bodies_into.get(collection, Code.NOT_FOUND)
    return None if code is None else Fault(code)


class _Walk:
    def __init__(
        self, scanner: JsonScanner, max_person_bytes: int, each: Callable[[Value], object]
    ) -> None:
        self._scanner, self._max_person_bytes, self._each = scanner, max_person_bytes, each
        self.times = Counter[str]()
        self.values: dict[str, Any] = {}
        self.raw: dict[str, bytes | None] = {}  # of the same, as they came
        self.persons = 0

    def whole_body(self) -> None:
        """Raises RejectedError where the body is no JSON, or its persons are no list."""
        self._scanner.skip_byte_order_mark()
        if self._scanner.peek() != b"{":
            self._other_value()
            raise _unprocessable(Detail.NOT_JSON)
        self._items(b"{}", self._field)
        if self._scanner.peek():
            raise _unprocessable(Detail.NOT_JSON)
        if self.times[PERSONS] != 1 or PERSONS in self.values:
            raise _unprocessable(PERSONS)

    def _items(self, brackets: bytes, item: Callable[[], None]) -> None:
        scanner, closing = self._scanner, brackets[1:]
        scanner.take(brackets[:1])
        if scanner.peek() == closing:
            scanner.take(closing)
            return
        item()
        while scanner.take(b"," + closing) == b",":
            item()

    def _field(self) -> None:
        if self._scanner.peek() != b'"':
            raise _unprocessable(Detail.NOT_JSON)
        key, _ = self._other_value()
        self._scanner.take(b":")
        if isinstance(key, str) and (key in _FIELDS or self._is_told(key)):
            self.times[key] += 1
        if key == PERSONS and self._scanner.peek() == b"[":
            self._items(b"[]", self._person)
        elif key in _FIELDS:
            self.values[key], self.raw[key] = self._other_value()
        else:
            self._other_value()

    def _is_told(self, name: str) -> bool:
        return len(self.times) < _MAX_NAMES and len(name) <= _MAX_NAME

    def _person(self) -> None:
        value = self._scanner.value(self._max_person_bytes)
        try:
            parse_json(value.content or b"null")
        except RejectedError as error:
            if error.detail != Detail.TOO_DEEP:  # which is that person's own affair
                raise
        self.persons += 1
        self._each(value)

    def _other_value(self) -> tuple[Any, bytes | None]:
        """Gives what stands there and its text, None where it is too long to be of use."""
        value = self._scanner.value(_SCALAR_BYTES)
        if value.depth > MAX_DEPTH:
            raise _unprocessable(Detail.TOO_DEEP)
        parsed = None if value.content is None else parse_json(value.content)
        return parsed, value.content


def _head(request: int, walk: _Walk, fault: Fault | None) -> BodyHead:
    name, storage = walk.values.get(COLLECTION_NAME), walk.values.get(FACE_STORAGE_TYPE)
    named = isinstance(name, str) and is_text(name)
    head = BodyHead(
        request,
        collection=str(name)[:COLLECTION_NAME_MAX] if named else "",
        opening=_opening(walk),
    )
    if fault is not None:
        return replace(head, fault=fault, malformed=True)
    if walk.times[COLLECTION_NAME] != 1 or not named:
        return replace(head, fault=_fault(COLLECTION_NAME))
    if walk.times[FACE_STORAGE_TYPE] != 1 or storage not in list(FaceStorageType):
        return replace(head, fault=_fault(FACE_STORAGE_TYPE))
    if not is_collection_name(str(name)):
        return replace(head, fault=Fault(Code.INVALID_COLLECTION_NAME))
    return replace(head, face_storage_type=FaceStorageType(storage))


def _opening(walk: _Walk) -> str:
    """Gives the two fields as they came; without one that stands twice, which must not settle."""
    texts = {field: walk.raw.get(field) for field in (COLLECTION_NAME, FACE_STORAGE_TYPE)}
    fields = [
        f'"{field}": {text.decode()}'
        for field, text in texts.items()
        if text is not None and walk.times[field] == 1 and len(text) <= _OPENING_BYTES
    ]
    return "{" + ", ".join(fields) + "}"


def _fault(detail: str) -> Fault:
    return Fault(Code.UNPROCESSABLE_CONTENT, detail)


def _unprocessable(detail: str) -> RejectedError:
    return RejectedError(Code.UNPROCESSABLE_CONTENT, detail)
