import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transforms.inputs import lines
from transforms.inputs.lines import Line, is_blank, iter_lines

BOM = b"\xef\xbb\xbf"


def cut(content, max_bytes=10, offset=0):
    return list(iter_lines(io.BufferedReader(io.BytesIO(content)), max_bytes, offset))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", [], id="empty file"),
        pytest.param(b"a\nb\n", [Line(0, 2, b"a\n"), Line(2, 2, b"b\n")], id="two lines"),
        pytest.param(b"a\nb", [Line(0, 2, b"a\n"), Line(2, 1, b"b")], id="no final newline"),
        pytest.param(b"a\r\nb\r\n", [Line(0, 3, b"a\r\n"), Line(3, 3, b"b\r\n")], id="CRLF"),
        pytest.param(b"a\rb\n", [Line(0, 4, b"a\rb\n")], id="CR alone ends no line"),
        pytest.param(
            b"\n\na", [Line(0, 1, b"\n"), Line(1, 1, b"\n"), Line(2, 1, b"a")], id="blank"
        ),
        pytest.param(BOM + b"a\nb", [Line(0, 5, b"a\n"), Line(5, 1, b"b")], id="BOM"),
        pytest.param(BOM, [Line(0, 3, b"")], id="BOM alone"),
        pytest.param(b"a\n" + BOM, [Line(0, 2, b"a\n"), Line(2, 3, BOM)], id="BOM further on"),
        pytest.param(b"a" * 10, [Line(0, 10, b"a" * 10)], id="as long as allowed"),
        pytest.param(b"a" * 10 + b"\n", [Line(0, 11, b"a" * 10 + b"\n")], id="and its newline"),
        pytest.param(b"a" * 11, [Line(0, 11, None)], id="too long at the end"),
        pytest.param(b"a" * 11 + b"\n", [Line(0, 12, None)], id="too long by one"),
        pytest.param(
            b"a" * 99 + b"\nb\n", [Line(0, 100, None), Line(100, 2, b"b\n")], id="goes on after it"
        ),
    ],
)
def test_lines(content, expected):
    assert cut(content) == expected


def test_offsets_begin_where_reading_begins():
    assert cut(b"a\nb\n", offset=40) == [Line(40, 2, b"a\n"), Line(42, 2, b"b\n")]


def test_a_bom_is_text_anywhere_but_at_the_files_beginning():
    assert cut(BOM + b"a", offset=40) == [Line(40, 4, BOM + b"a")]


def test_a_long_line_is_passed_over_in_pieces(monkeypatch):
    monkeypatch.setattr(lines, "_SKIP_BYTES", 3)
    content = b"a" * 1000 + b"\nb\n"
    assert cut(content) == [Line(0, 1001, None), Line(1001, 2, b"b\n")]


pieces = st.lists(st.sampled_from([b"\n", b"\r\n", b"x", b"yy" * 9, b" ", BOM, b"{}"]), max_size=20)


@given(pieces.map(b"".join), st.integers(1, 30))
@example(b"\n" * 5, 1)
def test_lines_joined_are_the_input(content, max_bytes):
    found = cut(content, max_bytes)
    assert sum(each.size for each in found) == len(content)
    for number, each in enumerate(found):
        raw = content[each.offset : each.offset + each.size]
        assert each.offset == sum(before.size for before in found[:number])
        assert raw.count(b"\n") == raw.endswith(b"\n") or number == len(found) - 1
        whole = raw.removeprefix(BOM) if number == 0 else raw
        assert each.content == (whole if len(raw.removesuffix(b"\n")) <= max_bytes else None)
    physical = content.count(b"\n") + (not content.endswith(b"\n") and content != b"")
    assert len(found) == physical


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", True), (b"\n", True), (b" \t\r\n", True), (b"{}\n", False), (None, False)],
    ids=repr,
)
def test_a_blank_line_is_white_space_only(content, expected):
    assert is_blank(Line(0, 3, content)) is expected
