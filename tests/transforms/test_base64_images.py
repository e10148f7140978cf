import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Code, RejectedError
from transforms import base64_images
from transforms.base64_images import decode_base64


def refusal(text, max_bytes=1000):
    with pytest.raises(RejectedError) as refused:
        decode_base64(text, max_bytes)
    assert refused.value.code is Code.INVALID_IMAGE
    return refused.value.detail


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("+/++/w==", b"\xfb\xff\xbe\xff", id="plain"),
        pytest.param("-_--_w==", b"\xfb\xff\xbe\xff", id="URL-safe"),
        pytest.param("+/++/w", b"\xfb\xff\xbe\xff", id="unpadded"),
        pytest.param("-_--_w", b"\xfb\xff\xbe\xff", id="URL-safe, unpadded"),
        pytest.param("+/++/w=", b"\xfb\xff\xbe\xff", id="half padded"),
        pytest.param("+/+-_w==", b"\xfb\xff\xbe\xff", id="both alphabets"),
        pytest.param("data:image/jpeg;base64,+/++/w==", b"\xfb\xff\xbe\xff", id="data URL"),
        pytest.param("data:;base64,+/++/w==", b"\xfb\xff\xbe\xff", id="data URL without a type"),
        pytest.param("DATA:image/png;a=b;BASE64,+/++/w==", b"\xfb\xff\xbe\xff", id="in capitals"),
        pytest.param("+/++\r\n/w==\r\n", b"\xfb\xff\xbe\xff", id="CRLF"),
        pytest.param("\n+\n/\n++/w=\n=", b"\xfb\xff\xbe\xff", id="breaks anywhere"),
        pytest.param("data:image/png;base64,\n+/++\n/w==\n", b"\xfb\xff\xbe\xff", id="all of it"),
        pytest.param("", b"", id="empty"),
        pytest.param("\r\n", b"", id="breaks alone"),
        pytest.param("\r\ndata:;base64,\n+/++/w==", b"\xfb\xff\xbe\xff", id="data URL below"),
        pytest.param("data:image/png;base64,", b"", id="prefix alone"),
    ],
)
def test_spellings(text, expected):
    assert decode_base64(text, 1000) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("QUJD QUJD", id="a space"),
        pytest.param(" QUJD", id="a space before"),
        pytest.param("QUJD\t", id="a tab"),
        pytest.param("QUJD\0", id="U+0000"),
        pytest.param("A", id="one letter"),
        pytest.param("QUJDQ", id="one letter too many"),
        pytest.param("====", id="padding alone"),
        pytest.param("QQ==QQ==", id="padding within"),
        pytest.param("QUJD====", id="too much padding"),
        pytest.param("QUJ!", id="a letter of no alphabet"),
        pytest.param("QUJé", id="not ASCII"),
        pytest.param("QUJ\ud800", id="a lone surrogate"),
        pytest.param("data:image/png,QUJD", id="a data URL of something else"),
        pytest.param("https://example.org/a.jpg", id="a URL"),
        pytest.param("data:" + "x" * 101 + ";base64,QUJD", id="a prefix without end"),
    ],
)
def test_anything_else_is_refused(text):
    assert refusal(text) == "base64"


@pytest.mark.parametrize("text", ["A" * 4000, "A" * 4001, "!" * 4000, "\n".join("A" * 4000)])
def test_too_many_bytes_are_refused_before_decoding(monkeypatch, text):
    monkeypatch.delattr(base64_images.pybase64, "b64decode")
    assert refusal(text, 2900) == "too_many_bytes"


@pytest.mark.parametrize("size", [997, 998, 999, 1000])
def test_as_many_bytes_as_allowed_are_decoded(size):
    assert decode_base64(base64.b64encode(bytes(size)).decode(), size) == bytes(size)


@given(
    st.binary(max_size=300),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "data:image/jpeg;base64,", "data:;base64,"]),
    st.sampled_from(["", "\n", "\r\n"]),
    st.integers(1, 80),
)
def test_every_spelling_of_bytes_decodes_to_them(content, url_safe, padded, prefix, end, width):
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    text = encode(content).decode()
    text = text if padded else text.rstrip("=")
    lines = [text[start : start + width] for start in range(0, len(text), width)]
    assert decode_base64(prefix + end.join(lines) + end, 300) == content


@given(st.text(), st.integers(1, 50))
def test_any_text_is_decoded_or_refused(text, max_bytes):
    with suppress(RejectedError):
        assert isinstance(decode_base64(text, max_bytes), bytes)
