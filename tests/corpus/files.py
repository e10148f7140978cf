"""Whole files: Parquet of odd types and of values without measure, compressed bombs, damage."""

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from backports import zstd

from tests.corpus.case import OK, invalid, small_photo, unprocessable
from tests.payloads import row

_TOO_LARGE, _METADATA = unprocessable("too_large"), unprocessable("metadata")
DAMAGE = unprocessable("truncated_input")
_SHARED_BYTES = 8_000_000


@dataclass(frozen=True)
class HostileFile:
    """A file, and how its rows end, in their order; damage is first."""

    name: str
    content: bytes
    ends: Sequence[tuple[str, str]]


def files() -> list[HostileFile]:
    """Gives the files that are made at once."""
    return [*_types(), *_shared(64 << 10), *_damaged(), *_bombs(1 << 20)]


def heavy() -> list[HostileFile]:
    """Gives those that would take gigabytes."""
    return [*_shared(_SHARED_BYTES), *_bombs(1 << 30), _nulls(), _one_value()]


def _parquet(table: pa.Table, **writing: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **writing)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _table(name: str, metadata: Any = (None,), **columns: Any) -> pa.Table:
    """Gives good rows, one for each value of the column `metadata`. name: unique, for the ids."""
    number = len(metadata)
    good = {
        "person_id": [f"{name} {n}" for n in range(number)],
        "person_name": ["x"] * number,
        "face": [small_photo()] * number,
        "metadata": metadata
        if isinstance(metadata, pa.Array | pa.ChunkedArray)
        else list(metadata),
    }
    return pa.table(good | columns)


def _types() -> Iterator[HostileFile]:
    deep: Any = pa.string()
    for _ in range(50):
        deep = pa.struct([("a", deep)])
    lists: Any = pa.string()
    for _ in range(50):
        lists = pa.list_(lists)
    nanosecond = pa.array([1], pa.timestamp("ns", "UTC"))
    not_utf8 = pa.array([b"\xff\xfe"]).view(pa.string())
    metadata = {
        "nanoseconds": (_struct(nanosecond), OK),
        "nanoseconds of a day": (_struct(pa.array([1], pa.time64("ns"))), OK),
        "times": (pa.array([{"a": datetime(2026, 1, 1, tzinfo=UTC)}]), OK),
        "decimals": (pa.array([{"a": Decimal("1.50"), "b": Decimal(10**30)}]), OK),
        "half floats": (_struct(pa.array(np.array([1.5], np.float16))), OK),
        "all of null": (pa.nulls(1), OK),
        "empty map": (pa.array([[]], pa.map_(pa.string(), pa.string())), OK),
        "null struct": (pa.nulls(1, deep), OK),
        "map of null": (pa.array([[("a", None)]], pa.map_(pa.string(), pa.null())), OK),
        "view": (_struct(pa.array(["a"], pa.string_view())), OK),
        "a year after 9999": (_struct(pa.array([10**18], pa.timestamp("us"))), _METADATA),
        "durations": (_struct(pa.array([1], pa.duration("s"))), _METADATA),
        "binary": (pa.array([{"a": b"b"}]), _METADATA),
        "no text": (_struct(not_utf8), _METADATA),
        "NaN": (pa.array([{"a": float("nan")}]), _METADATA),
        "a list": (pa.array([["a"]]), _METADATA),
        "a text": (pa.array(["a"]), _METADATA),
        "a number": (pa.array([7]), _METADATA),
        "a struct within": (pa.array([{"a": {"b": "c"}}]), _METADATA),
        "a list within": (pa.array([{"a": ["b"]}]), _METADATA),
        "50 lists": (_struct(pa.array([_nested(50)], lists)), _METADATA),
        "50 structs": (pa.array([_structs(50)], deep), _METADATA),
        "map of numbers": (pa.array([[(1, "a")]], pa.map_(pa.int32(), pa.string())), _METADATA),
        "unsigned indices with a null": (
            _struct(pa.array([None], pa.dictionary(pa.uint32(), pa.string()))),
            OK,
        ),
        "a field twice": (pa.StructArray.from_arrays([pa.array(["a"])] * 2, ["k", "k"]), _METADATA),
        "a key twice": (pa.array([[("a", "1")] * 2], pa.map_(pa.string(), pa.string())), _METADATA),
    }
    for name, (column, ends) in metadata.items():
        yield HostileFile(f"metadata, {name}.parquet", _parquet(_table(name, column)), [ends])
    others = {
        "face a text": ({"face": ["text"]}, unprocessable("face")),
        "face a number": ({"face": [7]}, unprocessable("face")),
        "face a list": ({"face": [[1]]}, unprocessable("face")),
        "face null": ({"face": pa.nulls(1, pa.binary())}, unprocessable("face_base_64")),
        "face of fixed size": ({"face": pa.array([b"ab"], pa.binary(2))}, invalid("not_an_image")),
        "name null": ({"person_name": pa.nulls(1, pa.string())}, unprocessable("person_name")),
        "id null": ({"person_id": pa.nulls(1, pa.string())}, unprocessable("person_id")),
        "id no text": ({"person_id": not_utf8}, unprocessable("person_id")),
        "id with U+0000": ({"person_id": ["a\0"]}, unprocessable("person_id")),
        "unknown, deep": ({"unknown": pa.nulls(1, deep)}, OK),
    }
    for name, (columns, ends) in others.items():
        table = _table(name, **columns)
        yield HostileFile(f"{name}.parquet", _parquet(table), [ends])
    wide = _table("wide", **{f"unknown {n}": ["x"] for n in range(5_000)})
    yield HostileFile("5000 columns.parquet", _parquet(wide), [OK])
    yield HostileFile("no rows.parquet", _parquet(_table("none").slice(0, 0)), [])


def _struct(values: pa.Array) -> pa.Array:
    return pa.StructArray.from_arrays([values], ["a"])


def _nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


def _structs(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value}
    return value


def _shared(size: int) -> Iterator[HostileFile]:
    """Gives files in which 256 rows, or the 10,000 pairs of one, share a value of that size."""
    noise = np.random.default_rng(1).bytes(size)
    faces = pa.DictionaryArray.from_arrays(pa.array(np.zeros(256, np.int32)), pa.array([noise]))
    ends = [invalid("not_an_image")] * 256
    table = _table(f"dictionary {size}", [None] * 256, face=faces)
    yield HostileFile(f"shared by a dictionary of {size}.parquet", _parquet(table), ends)
    table = _table(f"delta {size}", [None] * 256, face=pa.array([noise] * 256))
    delta = _parquet(table, use_dictionary=False, column_encoding={"face": "DELTA_BYTE_ARRAY"})
    yield HostileFile(f"shared by its beginning of {size}.parquet", delta, ends)
    number = 10_000
    keys = pa.array([f"{n}" for n in range(number)])
    items = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(number, np.int32)), pa.array(["x" * size])
    )
    pairs = pa.MapArray.from_arrays([0, number, number], keys, items)
    table = _table(f"pairs {size}", pairs)
    yield HostileFile(
        f"shared in one row of {size}.parquet",
        _parquet(table, store_schema=False),
        [_TOO_LARGE, OK],
    )


def _nulls() -> HostileFile:
    """Gives one row of 50 million pairs of nothing, in a kilobyte."""
    number = 50_000_000
    keys = pa.DictionaryArray.from_arrays(pa.array(np.zeros(number, np.int8)), pa.array(["k"]))
    pairs = pa.MapArray.from_arrays([0, number], keys, pa.nulls(number, pa.string()))
    content = _parquet(_table("nulls", pairs), store_schema=False)
    return HostileFile("a row of 50 million nulls.parquet", content, [_TOO_LARGE])


def _one_value() -> HostileFile:
    """Gives one row whose face is a gigabyte of zeros, in 30 KB."""
    table = _table("zeros", face=pa.array([bytes(10**9)], pa.binary()))
    content = _parquet(table, compression="zstd", use_dictionary=False)
    return HostileFile("a face of a gigabyte.parquet", content, [_TOO_LARGE])


def _damaged() -> Iterator[HostileFile]:
    all_but_one, all_of_them = [DAMAGE, OK, OK], [DAMAGE, OK, OK, OK]
    for name, of_lines, ends in [
        # What is packed by itself comes whole or not at all.
        ("cut.jsonl.gz", lambda each: _each(each, _gzip)[:-2_000], all_but_one),
        ("another checksum.jsonl.gz", lambda each: _all(each, _gzip)[:-8] + bytes(8), all_of_them),
        ("with a tail.jsonl.gz", lambda each: _all(each, _gzip) + b"tail", all_of_them),
        ("cut.jsonl.zst", lambda each: _each(each, zstd.compress)[:-2_000], all_but_one),
        ("with a tail.jsonl.zst", lambda each: _all(each, zstd.compress) + b"tail", all_of_them),
        ("no end of line.jsonl", lambda each: b"".join(each)[:-1], [OK] * 3),
    ]:
        rows = (row(f"{name} {n}", small_photo()) for n in range(3))
        lines = [json.dumps(each).encode() + b"\n" for each in rows]
        yield HostileFile(name, of_lines(lines), ends)
    yield HostileFile("empty.jsonl.gz", b"", [DAMAGE])
    for page in ("data_page_offset", "dictionary_page_offset"):
        content = bytearray(_parquet(_table(page, [None] * 4), row_group_size=2))
        column = pq.ParquetFile(pa.BufferReader(bytes(content))).metadata.row_group(0).column(2)
        start = getattr(column, page)
        content[start : start + 16] = b"\xff" * 16
        yield HostileFile(f"a broken {page}.parquet", bytes(content), [DAMAGE, OK, OK])
    table = _table("passed over", [None] * 4)
    content = bytearray(_parquet(table, row_group_size=2, use_dictionary=False))
    group = pq.ParquetFile(pa.BufferReader(bytes(content))).metadata.row_group(0)
    for n in range(group.num_columns):  # as pages of an index, which hold no rows
        content[group.column(n).data_page_offset + 1] = 2
    yield HostileFile("pages passed over.parquet", bytes(content), [DAMAGE, OK, OK])


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _each(lines: Sequence[bytes], pack: Callable[[bytes], bytes]) -> bytes:
    return b"".join(pack(line) for line in lines)


def _all(lines: Sequence[bytes], pack: Callable[[bytes], bytes]) -> bytes:
    return pack(b"".join(lines))


def _bombs(size: int) -> Iterator[HostileFile]:
    """Gives a compressed line of blanks and one of a long text, `size` bytes each."""
    text = [_TOO_LARGE] if size > 64_000_000 else [unprocessable("person_id")]
    parts = {
        "blanks": (b"", b" ", b"\n", text if size > 64_000_000 else []),
        "text": (b'{"person_id": "', b"x", b'"}\n', text),
    }
    for name, (before, each, after, ends) in parts.items():
        for suffix, packer in ((".gz", _gzip), (".zst", zstd.compress)):
            good = json.dumps(row(f"{name} {size} {suffix}", small_photo())).encode() + b"\n"
            # A member, or a frame, of its own for each piece: neither is ever held whole.
            piece = packer(each * (1 << 20))
            middle = piece * (size >> 20)
            content = packer(before) + middle + packer(after + good)
            yield HostileFile(f"{name} of {size}.jsonl{suffix}", content, [*ends, OK])


def refused() -> list[HostileFile]:
    """Gives files that are refused as a whole, each for itself."""
    good = _parquet(_table("good"))
    contents = [
        ("empty.parquet", b""),
        ("no Parquet.parquet", b"PAR1 and no more"),
        ("cut.parquet", good[:-10]),
        ("half.parquet", good[: len(good) // 2]),
        ("a footer of 4 GB.parquet", good[:-8] + b"\xff" * 4 + b"PAR1"),
        ("a footer of zeros.parquet", good[:-200] + bytes(192) + good[-8:]),
        ("ids are numbers.parquet", _parquet(_table("bad", person_id=[7]))),
        ("names are lists.parquet", _parquet(_table("bad", person_name=[["a"]]))),
        ("no ids.parquet", _parquet(_table("bad").drop_columns("person_id"))),
        ("no faces.parquet", _parquet(_table("bad").drop_columns("face"))),
        ("no columns.parquet", _parquet(pa.table({}))),
        ("no gzip.jsonl.gz", b"person"),
        ("no zstd.jsonl.zst", b"person"),
        ("a window of 2 GB.jsonl.zst", b"\x28\xb5\x2f\xfd\x00\xa8" + bytes(20)),
    ]
    return [HostileFile(name, content, []) for name, content in contents]
