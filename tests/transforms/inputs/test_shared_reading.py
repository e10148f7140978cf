import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.inputs import BLOCK_ROWS, Form, Split
from schemas.options import FaceStorageType
from schemas.records import Row, RowRef
from transforms.inputs import shared_reading
from transforms.inputs.found import Found
from transforms.inputs.shared_reading import rows_of_part

ROW_BYTES = 1000
ASIDE_BYTES = 150_000  # for two parts, a little more than two blocks of rows


class Source:
    """Rows that lie nowhere. read: the parts for which reading began, None for all together."""

    def __init__(self, rows: int, fails_at: int = -1) -> None:
        self.rows, self.fails_at = rows, fails_at
        self.read: list[int | None] = []
        self.open = 0

    def split(self, part: int, parts: int) -> Split:
        return Split("given", "a", Form.JSONL, 0, -1, 0, self.rows, part=part, parts=parts)

    def find(self, split: Split) -> Iterator[Found]:
        self.read.append(split.part if split.parts > 1 else None)
        self.open += 1
        try:
            for n in range(self.rows):
                if n == self.fails_at:
                    self.fails_at = -1
                    raise MemoryError
                ref = RowRef("given", n, "staff")
                yield Found(
                    ref, lambda ref=ref: Row(ref, {}, FaceStorageType.NO_STORAGE), ROW_BYTES
                )
        finally:
            self.open -= 1

    def part(self, part: int, parts: int, run: str = "run") -> Iterator[int | None]:
        """Gives the numbers of the part's rows."""
        split = self.split(part, parts)
        return (each.make().ref.row for each in rows_of_part(run, split, self.find))

    def expected(self, part: int, parts: int) -> list[int]:
        split = self.split(part, parts)
        return [n for n in range(self.rows) if split.keeps(RowRef("given", n, "staff"))]


def test_parts_that_run_together_read_once() -> None:
    source = Source(5 * BLOCK_ROWS)
    with ThreadPoolExecutor(3) as workers:
        barrier = threading.Barrier(3)

        def work(part: int) -> list[int | None]:
            rows = source.part(part, 3)
            first = next(rows)
            barrier.wait()
            return [first, *rows]

        found = list(workers.map(work, range(3)))
    assert found == [source.expected(part, 3) for part in range(3)]
    assert (source.read, source.open) == ([None], 0)


def test_one_after_the_other_each_reads_for_itself() -> None:
    source = Source(3 * BLOCK_ROWS)
    for part in range(2):
        assert list(source.part(part, 2)) == source.expected(part, 2)
    assert (source.read, source.open) == ([None, None], 0)


def test_nothing_is_laid_aside_for_long_for_a_part_that_does_not_come(monkeypatch) -> None:
    monkeypatch.setattr(shared_reading, "_ASIDE_BYTES", ASIDE_BYTES)
    source = Source(10 * BLOCK_ROWS)
    first, second = source.part(0, 2), source.part(1, 2)
    early = [next(first) for _ in range(3 * BLOCK_ROWS)]
    late = list(second)
    assert [*early, *first] == source.expected(0, 2)
    assert late == source.expected(1, 2)
    assert (source.read, source.open) == ([None, None], 0)


def test_a_fast_part_waits_for_a_slow_one(monkeypatch) -> None:
    monkeypatch.setattr(shared_reading, "_ASIDE_BYTES", ASIDE_BYTES)
    source = Source(10 * BLOCK_ROWS)
    slow, taken, came = source.part(1, 2), [0], threading.Event()
    first = [next(slow)]

    def fast() -> list[int | None]:
        found = []
        for row in source.part(0, 2):
            found.append(row)
            taken[0] += 1
            came.set()
        return found

    with ThreadPoolExecutor(1) as worker:
        whole = worker.submit(fast)
        assert came.wait(10)
        for row in slow:
            first.append(row)
            assert taken[0] <= len(first) + 4 * BLOCK_ROWS
        assert whole.result(10) == source.expected(0, 2)
    assert first == source.expected(1, 2)
    assert source.read == [None]


def test_a_part_that_stands_still_is_left_behind_and_loses_nothing(monkeypatch) -> None:
    monkeypatch.setattr(shared_reading, "_ASIDE_BYTES", ASIDE_BYTES)
    monkeypatch.setattr(shared_reading, "_PATIENCE_S", 0.05)
    source = Source(10 * BLOCK_ROWS)
    still = source.part(1, 2)
    early = [next(still) for _ in range(3)]
    assert list(source.part(0, 2)) == source.expected(0, 2)
    assert source.read == [None]
    assert [*early, *still] == source.expected(1, 2)
    assert (source.read, source.open) == ([None, 1], 0)


def test_rows_of_large_images_are_not_waited_for(monkeypatch) -> None:
    """Their parts would work in turn."""
    monkeypatch.setattr(shared_reading, "_ASIDE_BYTES", 50_000)
    source = Source(10 * BLOCK_ROWS)
    slow = source.part(0, 2)
    early = [next(slow)]
    assert list(source.part(1, 2)) == source.expected(1, 2)
    assert [*early, *slow] == source.expected(0, 2)
    assert (source.read, source.open) == ([None, 0], 0)


def test_a_part_that_is_given_up_frees_the_others(monkeypatch) -> None:
    monkeypatch.setattr(shared_reading, "_ASIDE_BYTES", ASIDE_BYTES)
    source = Source(10 * BLOCK_ROWS)
    given_up = source.part(1, 2)
    next(given_up)
    del given_up
    gc.collect()
    assert list(source.part(0, 2)) == source.expected(0, 2)


def test_a_part_that_comes_again_gets_all_its_rows() -> None:
    source = Source(4 * BLOCK_ROWS)
    other, first = source.part(1, 2), source.part(0, 2)
    early = next(other)
    next(first)
    assert list(source.part(0, 2)) == source.expected(0, 2)
    assert [early, *other] == source.expected(1, 2)


def test_runs_have_nothing_in_common() -> None:
    source = Source(4 * BLOCK_ROWS)
    one, other = source.part(0, 2, "one"), source.part(1, 2, "other")
    next(one), next(other)
    assert source.read == [None, None]


def test_too_little_memory_fails_the_part_that_met_it_alone() -> None:
    source = Source(4 * BLOCK_ROWS, fails_at=BLOCK_ROWS + 10)
    one, other = source.part(0, 2), source.part(1, 2)
    early = [next(one) for _ in range(10)]
    with pytest.raises(MemoryError):
        list(other)
    assert [*early, *one] == source.expected(0, 2)
    assert (source.read, source.open) == ([None, 0], 0)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 4 * BLOCK_ROWS),
    st.integers(2, 4),
    st.integers(0, 60_000),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 80), st.booleans()), max_size=12),
)
def test_whoever_comes_and_goes_each_part_has_its_rows(number, parts, aside_bytes, turns) -> None:
    """A part takes some rows, now and then begins again, and at last all the rest."""
    source = Source(number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_reading, "_ASIDE_BYTES", aside_bytes)
        patch.setattr(shared_reading, "_PATIENCE_S", 0.0)
        readers: dict[int, Iterator[int | None]] = {}
        found: dict[int, list[int | None]] = {part: [] for part in range(parts)}
        rests = [(part, number, False) for part in range(parts)]
        for part, rows, again in [*((n % parts, *rest) for n, *rest in turns), *rests]:
            if again or part not in readers:
                readers[part], found[part] = source.part(part, parts), []
            found[part] += [row for _, row in zip(range(rows), readers[part], strict=False)]
    assert found == {part: source.expected(part, parts) for part in range(parts)}


def test_what_is_read_does_not_outlive_its_readers() -> None:
    source = Source(4 * BLOCK_ROWS)
    rows = source.part(0, 2)
    next(rows)
    key = ("run", replace(source.split(0, 2), part=0))
    assert (key in shared_reading._OPEN, source.open) == (True, 1)
    del rows
    gc.collect()
    assert (key in shared_reading._OPEN, source.open) == (False, 0)
