import gzip
import io
import tracemalloc

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from transforms.inputs.streams import DAMAGE, is_compressed, open_lines, open_raw

LINES = b"".join(b'{"person_id":"%d"}\n' % n for n in range(40))
COMPRESS = {".gz": gzip.compress, ".zst": zstd.compress}
each_format = pytest.mark.parametrize("suffix", COMPRESS)


@pytest.fixture
def read(tmp_path):
    """Writes a file and reads it all."""

    def write_and_read(content, suffix):
        path = tmp_path / f"people.jsonl{suffix}"
        path.write_bytes(content)
        with open_lines(str(path)) as stream:
            return stream.read()

    return write_and_read


def bomb(suffix, megabytes):
    """One stream of that many megabytes of one letter."""
    piece = b"a" * (1 << 20)
    if suffix == ".gz":
        import zlib

        packer = zlib.compressobj(1, wbits=31)
    else:
        packer = zstd.ZstdCompressor(1)
    return b"".join(packer.compress(piece) for _ in range(megabytes)) + packer.flush()


def test_plain_lines_are_read_as_they_are(read):
    assert read(LINES, "") == LINES
    assert read(b"", "") == b""


def test_plain_lines_are_read_from_any_byte(tmp_path):
    path = tmp_path / "people.jsonl"
    path.write_bytes(LINES)
    with open_lines(str(path), 19) as stream:
        assert stream.read() == LINES[19:]


@each_format
def test_a_whole_stream(read, suffix):
    assert read(COMPRESS[suffix](LINES), suffix) == LINES
    assert read(COMPRESS[suffix](b""), suffix) == b""


@each_format
def test_several_streams_in_one_file(read, suffix):
    packed = b"".join(COMPRESS[suffix](each) for each in (LINES, b"", LINES, b"end"))
    assert read(packed, suffix) == LINES + LINES + b"end"


@each_format
def test_a_cut_at_any_place_is_damage(read, suffix):
    first = COMPRESS[suffix](LINES)
    packed = first + COMPRESS[suffix](LINES)
    for end in range(len(packed)):
        if end != len(first):  # there, nothing tells that more was meant to come
            with pytest.raises(DAMAGE):
                read(packed[:end], suffix)


@each_format
def test_what_stands_before_the_cut_is_read_first(tmp_path, suffix):
    path = tmp_path / f"people.jsonl{suffix}"
    path.write_bytes(COMPRESS[suffix](LINES) + COMPRESS[suffix](LINES)[:-1])
    found = []
    with open_lines(str(path)) as stream, pytest.raises(DAMAGE):
        found.extend(iter(stream.readline, b""))
    assert b"".join(found).startswith(LINES)


@each_format
@pytest.mark.parametrize("garbage", [b"x", b"ab", b"garbage", b"\x1f", b"\x28\xb5"], ids=repr)
def test_garbage_after_the_end_is_damage(read, suffix, garbage):
    with pytest.raises(DAMAGE):
        read(COMPRESS[suffix](LINES) + garbage, suffix)


def test_zeros_after_a_gzip_are_padding(read):
    assert read(gzip.compress(LINES) + b"\0" * 100, ".gz") == LINES


@each_format
@pytest.mark.parametrize("content", [b"", LINES, b"\0" * 100], ids=["empty", "plain", "zeros"])
def test_a_file_of_something_else_is_damage(read, suffix, content):
    with pytest.raises(DAMAGE):
        read(content, suffix)


def test_a_changed_byte_of_a_gzip_is_damage(read):
    packed = bytearray(gzip.compress(LINES))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(DAMAGE):
        read(bytes(packed), ".gz")


def pieces(stream):
    """All that a stream gives, and whether it ended in damage."""
    found = []
    try:
        found.extend(iter(lambda: stream.read1(100), b""))
    except DAMAGE:
        return b"".join(found), True
    return b"".join(found), False


@given(
    texts=st.lists(st.binary(max_size=999) | st.just(LINES * 20), min_size=1, max_size=3),
    changes=st.lists(st.tuples(st.integers(0, 1 << 12), st.binary(max_size=3)), max_size=2),
    cut=st.integers(0, 99),
)
def test_a_damaged_gzip_gives_what_python_s_own_reader_gives(tmp_path_factory, texts, changes, cut):
    packed = bytearray(b"".join(map(gzip.compress, texts)))
    for place, change in changes:
        place %= len(packed)
        packed[place : place + len(change)] = change
    packed = packed[: len(packed) - cut] or packed
    expected = pieces(gzip.GzipFile(fileobj=io.BytesIO(packed)))
    path = tmp_path_factory.mktemp("gzip") / "people.jsonl.gz"
    path.write_bytes(packed)
    with open_lines(str(path)) as stream:
        assert pieces(stream) == expected


@each_format
def test_a_bomb_is_read_in_bounded_pieces(tmp_path, suffix):
    path = tmp_path / f"bomb.jsonl{suffix}"
    path.write_bytes(bomb(suffix, 64))
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    with open_lines(str(path)) as stream:
        assert stream.read(1000) == b"a" * 1000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize(
    ("window_log", "is_read"), [(10, True), (27, True), (28, False), (41, False)]
)
def test_a_zstd_may_not_ask_for_more_than_128_mb(read, window_log, is_read):
    magic, descriptor = b"\x28\xb5\x2f\xfd", b"\0"
    window, last_raw_block = bytes([window_log - 10 << 3]), (1 | 3 << 3).to_bytes(3, "little")
    frame = magic + descriptor + window + last_raw_block + b"{}\n"
    if is_read:
        assert read(frame, ".zst") == b"{}\n"
    else:
        with pytest.raises(DAMAGE):
            read(frame, ".zst")


def test_a_missing_file_is_damage():
    with pytest.raises(DAMAGE), open_raw("no-such-file.parquet"):
        pass


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.jsonl", False), ("a.jsonl.gz", True), ("a.ndjson.zst", True), ("gz", False)],
)
def test_compression_is_told_by_the_suffix(path, expected):
    assert is_compressed(path) is expected
