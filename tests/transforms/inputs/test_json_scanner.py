import io
import itertools
import json
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.errors import RejectedError
from transforms.inputs import json_scanner
from transforms.inputs.json_scanner import JsonScanner, Value

BOM = b"\xef\xbb\xbf"


class ShortReads(io.BytesIO):
    """Gives fewer bytes than are asked for, and fails where it is asked on and on."""

    def __init__(self, content, piece):
        super().__init__(content)
        self.piece, self.left = piece, 2 * len(content) + 10

    def read(self, size=-1):
        self.left -= 1
        assert self.left > 0, "reads without end"
        return super().read(min(size, self.piece))


@pytest.fixture(autouse=True, scope="module")
def small_pieces():
    with patch.object(json_scanner, "_PIECE_BYTES", 7):
        yield


def scanner(content, piece=7, offset=0):
    return JsonScanner(ShortReads(content, piece).read, offset)


def walk(content, piece=7, hold=1000):
    """The items of a list, each with the byte that follows it."""
    found = scanner(content, piece)
    found.take(b"[")
    items = []
    if found.peek() == b"]":
        found.take(b"]")
    else:
        while True:
            items.append(found.value(hold))
            if found.take(b",]") == b"]":
                break
    assert found.peek() == b""
    return items


def detail(content, piece=7):
    found = scanner(content, piece)
    with pytest.raises(RejectedError) as refused:
        found.value(1000)
    return refused.value.detail


def depth_of(value):
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


texts = st.text(st.sampled_from('ab"\\/[]{},: \n\t\0é山🙂\ud800\udfff'), max_size=8) | st.text()
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)
spaces = st.text(st.sampled_from(" \t\r\n"), max_size=9).map(str.encode)
styles = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"indent": "\t"}])


@st.composite
def json_texts(draw):
    """A value, and a text of it."""
    value, style, escaped = draw(values), draw(styles), draw(st.booleans())
    text = json.dumps(value, ensure_ascii=escaped, **style)
    try:
        return value, text.encode()
    except UnicodeEncodeError:
        return value, json.dumps(value, **style).encode()


@given(json_texts(), spaces, st.integers(1, 7), st.integers(0, 40), st.integers(0, 10**12))
def test_a_value_alone(value_and_text, space, piece, hold, offset):
    value, text = value_and_text
    found = scanner(space + text + space, piece, offset)
    content = text if len(text) <= hold else None
    assert found.value(hold) == Value(offset + len(space), len(text), content, depth_of(value))
    assert found.peek() == b""


@given(st.lists(json_texts(), max_size=5), spaces, st.integers(1, 7), st.integers(0, 40))
def test_the_values_of_a_list(values_and_texts, space, piece, hold):
    texts = [text for _, text in values_and_texts]
    content = b"[" + b",".join(space + text + space for text in texts) + b"]"
    items = walk(content, piece, hold)
    assert [content[each.offset : each.offset + each.size] for each in items] == texts
    assert [each.content for each in items] == [
        text if len(text) <= hold else None for text in texts
    ]
    assert [each.depth for each in items] == [depth_of(value) for value, _ in values_and_texts]


@pytest.mark.parametrize("piece", range(1, 5))
def test_backslashes_at_every_border(piece):
    for length in range(6):
        for letters in itertools.product('\\"a', repeat=length):
            text = json.dumps("".join(letters)).encode()
            for content in (b"[" + text + b',"x"]', b"[[" + text + b'],"x"]'):
                first, second = walk(content, piece)
                assert first.content == content[1 : first.size + 1]
                assert (second.content, second.size) == (b'"x"', 3)
                assert text in (first.content, first.content[1:-1])


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        (b"7", 0),
        (b"{}", 1),
        (b"[[],[[]],[]]", 3),
        (b'{"a": "[[[["}', 1),
        (b"[" * 200_000 + b"]" * 200_000, 200_000),
        (b'{"a":' * 500 + b"1" + b"}" * 500, 500),
    ],
    ids=lambda each: repr(each)[:20],
)
def test_depth(text, depth):
    found = JsonScanner(io.BytesIO(text + b",").read)
    assert found.value(0) == Value(0, len(text), None, depth)
    assert found.take(b",") == b","


@pytest.mark.parametrize(
    "text", [b'"a\\"', b'"', b"[", b"[1", b'{"a', b'["]', b"", b"  "], ids=repr
)
@pytest.mark.parametrize("piece", [1, 2, 7])
def test_the_end_within_a_value(text, piece):
    assert detail(text, piece) == "not_json"


@pytest.mark.parametrize("text", [b",", b"]", b"}", b":"], ids=repr)
def test_no_value_begins_here(text):
    assert detail(text) == "not_json"


@pytest.mark.parametrize("text", [b"[" * 65, b'{"a":' * 65, b"[" * 200_000 + b"]"], ids=len)
def test_what_is_unclosed_and_too_deep(text):
    with pytest.raises(RejectedError) as refused:
        JsonScanner(io.BytesIO(text).read).value(10)
    assert refused.value.detail == "too_deep"


@given(json_texts(), st.integers(1, 7), st.data())
def test_a_text_cut_short_is_refused(value_and_text, piece, data):
    _, text = value_and_text
    text = b"[" + text + b"]"
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(RejectedError):
        walk(text[:cut], piece)


pieces_of_json = st.sampled_from(
    [
        b"[",
        b"]",
        b"{",
        b"}",
        b'"',
        b"\\",
        b",",
        b":",
        b" ",
        b"1",
        b"null",
        BOM,
        b"\xff",
        b"\0",
        b"a",
    ]
)


@settings(max_examples=300)
@given(st.binary(max_size=20) | st.lists(pieces_of_json).map(b"".join), st.integers(1, 7))
@example(b'"\\', 1)
def test_any_bytes_have_an_end(content, piece):
    found = scanner(content, piece)
    end = 0
    try:
        while found.peek():
            value = found.value(5)
            assert end <= value.offset < value.offset + value.size <= len(content)
            end = value.offset + value.size
            assert value.content in (content[value.offset : end], None)
            assert (value.content is None) == (value.size > 5)
            found.take(b",")
    except RejectedError as error:
        assert error.detail == "not_json"  # noqa: PT017  # it may be raised or not


@pytest.mark.parametrize("piece", [1, 2, 3, 7])
class TestByteOrderMark:
    def test_is_passed_over(self, piece):
        found = scanner(BOM + b" 1", piece)
        found.skip_byte_order_mark()
        assert found.value(9) == Value(4, 1, b"1", 0)

    @pytest.mark.parametrize("content", [b"1", b"", BOM[:2], b"12345678"], ids=repr)
    def test_need_not_be_there(self, piece, content):
        found = scanner(content, piece)
        found.skip_byte_order_mark()
        assert found.peek() == content[:1]
