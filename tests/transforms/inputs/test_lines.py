import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transforms.inputs import lines
from transforms.inputs.lines import iter_lines

BOM = b"\xef\xbb\xbf"


def cut(content, max_bytes=10, offset=0):
    """Gives (first byte, bytes, text) of each line."""
    stream = io.BufferedReader(io.BytesIO(content))
    return [
        (each.offset, each.pass_over() - each.offset, each.text)
        for each in iter_lines(stream, max_bytes, offset)
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", [], id="empty file"),
        pytest.param(b"a\nb\n", [(0, 2, b"a\n"), (2, 2, b"b\n")], id="two lines"),
        pytest.param(b"a\nb", [(0, 2, b"a\n"), (2, 1, b"b")], id="no final newline"),
        pytest.param(b"a\r\nb\r\n", [(0, 3, b"a\r\n"), (3, 3, b"b\r\n")], id="CRLF"),
        pytest.param(b"a\rb\n", [(0, 4, b"a\rb\n")], id="CR alone ends no line"),
        pytest.param(b"\n\na", [(0, 1, b"\n"), (1, 1, b"\n"), (2, 1, b"a")], id="blank"),
        pytest.param(BOM + b"a\nb", [(0, 5, b"a\n"), (5, 1, b"b")], id="BOM"),
        pytest.param(BOM, [(0, 3, b"")], id="BOM alone"),
        pytest.param(b"a\n" + BOM, [(0, 2, b"a\n"), (2, 3, BOM)], id="BOM further on"),
        pytest.param(b"a" * 10, [(0, 10, b"a" * 10)], id="as long as allowed"),
        pytest.param(b"a" * 10 + b"\n", [(0, 11, b"a" * 10 + b"\n")], id="and its newline"),
        pytest.param(b"a" * 11, [(0, 11, None)], id="too long at the end"),
        pytest.param(b"a" * 11 + b"\n", [(0, 12, None)], id="too long by one"),
        pytest.param(
            b"a" * 99 + b"\nb\n", [(0, 100, None), (100, 2, b"b\n")], id="goes on after it"
        ),
    ],
)
def test_lines(content, expected):
    assert cut(content) == expected


def test_offsets_begin_where_reading_begins():
    assert cut(b"a\nb\n", offset=40) == [(40, 2, b"a\n"), (42, 2, b"b\n")]


def test_a_bom_is_text_anywhere_but_at_the_files_beginning():
    assert cut(BOM + b"a", offset=40) == [(40, 4, BOM + b"a")]


def test_a_long_line_is_passed_over_in_pieces(monkeypatch):
    monkeypatch.setattr(lines, "_PIECE_BYTES", 3)
    content = b"a" * 1000 + b"\nb\n"
    assert cut(content) == [(0, 1001, None), (1001, 2, b"b\n")]


pieces = st.lists(st.sampled_from([b"\n", b"\r\n", b"x", b"yy" * 9, b" ", BOM, b"{}"]), max_size=20)


@given(pieces.map(b"".join), st.integers(1, 30))
@example(b"\n" * 5, 1)
def test_lines_joined_are_the_input(content, max_bytes):
    found = cut(content, max_bytes)
    assert sum(size for _, size, _ in found) == len(content)
    for number, (offset, size, text) in enumerate(found):
        raw = content[offset : offset + size]
        assert offset == sum(before for _, before, _ in found[:number])
        assert raw.count(b"\n") == raw.endswith(b"\n") or number == len(found) - 1
        whole = raw.removeprefix(BOM) if number == 0 else raw
        assert text == (whole if len(raw.removesuffix(b"\n")) <= max_bytes else None)
    physical = content.count(b"\n") + (not content.endswith(b"\n") and content != b"")
    assert len(found) == physical


def lines_of(content, max_bytes=10):
    return iter_lines(io.BufferedReader(io.BytesIO(content)), max_bytes)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"\n", True), (b" \t\r\n", True), (BOM + b"\n", True), (b"{}\n", False), (b" " * 11, False)],
    ids=repr,
)
def test_blank(content, expected):
    [line] = lines_of(content)
    assert line.is_blank is expected


@pytest.mark.parametrize("max_bytes", [2, 10])
def test_nothing_behind_the_end_is_read(max_bytes):
    """Not the rest of a line that was half there, be it a long one."""
    stream = io.BufferedReader(io.BytesIO(b"a\nbcdefg\nh\n"))
    first, last = iter_lines(stream, max_bytes, 0, 5)
    assert (first.content, last.pass_over()) == (b"a\n", 5)
    assert last.content == (b"bcd" if max_bytes == 10 else None)
    assert stream.read() == b"efg\nh\n"


def test_a_limit_may_be_larger_than_any_line():
    [line] = lines_of(b"{}\n", 10**30)
    assert line.content == b"{}\n"


def test_a_long_line_can_be_read_in_place():
    content = BOM + b"a" * 1000 + b"\nb\n"
    long, short = lines_of(content), None
    first = next(long)
    assert (first.content, first.text) == (None, None)
    assert first.long.read(500) + first.long.read(500) == content[:511]  # what was begun is first
    rest = b""
    while piece := first.long.read(7):
        rest += piece
    assert rest == content[511:1004]
    short = next(long)
    assert (short.offset, short.content) == (1004, b"b\n")


def test_what_is_left_of_a_long_line_is_passed_over():
    lines_found = lines_of(b"a" * 100 + b"\nb\n")
    next(lines_found).long.read(50)
    assert next(lines_found).content == b"b\n"
