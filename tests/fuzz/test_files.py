"""Input files of any bytes: refused while planning, or each row is found once by all readers."""

import io
import json
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from pipelines.find_inputs import find_inputs
from pipelines.plan_splits import deal, plan_splits
from schemas.errors import MESSAGES, Detail, RefusedError
from schemas.records import RowRef
from tests.builders import COMPRESS, make_image
from tests.fuzz.effort import effort
from tests.fuzz.inputs import BROKEN, DEEP
from tests.fuzz.mutations import mutated
from tests.payloads import body, row
from transforms.inputs.found import Reading
from transforms.read_rows import read_split

MAX_ROW_BYTES = 3000


def check(name: str, content: bytes, workers: int, rows_expected: bool) -> None:
    """Plans and reads the file as a run does; for ids alone as well."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            plan = plan_splits(find_inputs([str(path)]), {}, MAX_ROW_BYTES, rows_expected)
        except RefusedError:  # as such and nothing else
            return
        reading = Reading(MAX_ROW_BYTES, collection="people" if rows_expected else "")
        found, damaged = Counter[tuple[int | None, int | None]](), False
        for split in deal(plan.splits, workers):
            for each in read_split(reading, split):
                place = (each.ref.request, each.ref.row)
                if each.fault is not None:
                    assert each.fault.code in MESSAGES
                if place == (None, None):
                    assert each.fault is not None
                    assert each.fault.detail == Detail.TRUNCATED_INPUT
                    damaged = True
                else:
                    found[place] += 1
        assert set(found.values()) <= {1}
        assert found.total() == plan.rows or (damaged and found.total() < plan.rows)
        ids = [each for split in plan.splits for each in read_split(reading.ids_alone(), split)]
        assert all(isinstance(each.ref, RowRef) for each in ids)


@cache
def parquet_files() -> tuple[bytes, ...]:
    """Gives files of several shapes."""
    people = [row(f"id-{n}", make_image(8, 8)) for n in range(150)]
    columns = {key: [each[key] for each in people] for key in people[0]}
    columns["metadata"] = [list(each.items()) for each in columns["metadata"]]
    kind = pa.map_(pa.string(), pa.string())
    table = pa.table(columns | {"metadata": pa.array(columns["metadata"], kind)})
    files = []
    for rows, options in (
        (1000, {}),
        (40, {"use_dictionary": False, "compression": "none"}),
        (64, {"compression": "gzip", "data_page_version": "2.0"}),
        (7, {"compression": "zstd", "write_page_index": True}),
    ):
        sink = io.BytesIO()
        pq.write_table(table.slice(0, 40), sink, row_group_size=rows, **options)
        files.append(sink.getvalue())
    return tuple(files)


@effort(60)
@given(mutated(parquet_files()), st.integers(1, 3))
def test_mutated_parquet(content: bytes, workers: int) -> None:
    check("in.parquet", content, workers, rows_expected=True)


def lines() -> list[bytes]:
    people = [row(f"id-{n}", b"no image") for n in range(80)]
    rows = [json.dumps(each).encode() for each in people]
    bodies = [json.dumps(body(people[n : n + 2])).encode() for n in range(0, 80, 5)]
    mixed = [*rows[:9], *bodies[:3], *BROKEN, DEEP, b"", *rows[9:]]
    return [b"\n".join(each) for each in (rows, bodies, mixed, [b"x" * 4000, *bodies])]


@effort(100)
@given(mutated(lines()), st.sampled_from(list(COMPRESS)), st.integers(1, 3), st.booleans())
def test_mutated_lines(content: bytes, suffix: str, workers: int, rows_expected: bool) -> None:
    check(f"in{suffix}", COMPRESS[suffix](content), workers, rows_expected)


@effort(100)
@given(
    mutated([COMPRESS[".jsonl.gz"](each) for each in lines()])
    | mutated([COMPRESS[".jsonl.zst"](each) for each in lines()]),
    st.sampled_from([".jsonl.gz", ".jsonl.zst"]),
    st.integers(1, 3),
    st.booleans(),
)
def test_mutated_streams(content: bytes, suffix: str, workers: int, rows_expected: bool) -> None:
    check(f"in{suffix}", content, workers, rows_expected)


@effort(100)
@given(mutated(lines()[1].splitlines()), st.integers(1, 3), st.booleans())
def test_mutated_bodies(content: bytes, workers: int, rows_expected: bool) -> None:
    check("in.json", content, workers, rows_expected)
