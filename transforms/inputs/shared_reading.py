"""One reading of a split for all parts of it that this process has.

A source that cannot be cut goes to all workers, and each keeps a part of its rows. The workers of
one process read it together: one that has no row left reads on, and lays aside what it meets of the
others.
"""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from itertools import islice
from weakref import WeakValueDictionary

from schemas.inputs import BLOCK_ROWS, Split
from transforms.inputs.found import Found

# What may be laid aside for each part that is being read, and what a row takes beside its values.
_ASIDE_BYTES = 8 << 20
_ROW_BYTES = 1 << 10
# A part that has so many rows to go on with is waited for: with fewer, of large images, they would
# work in turn. Where no part takes a row for so long, it is not waited for any more.
_ENOUGH_ROWS = 2 * BLOCK_ROWS
_PATIENCE_S = 10.0


def rows_of_part(
    run: Hashable, split: Split, find: Callable[[Split], Iterator[Found]]
) -> Iterator[Found]:
    """Gives the rows that this part keeps, in their order.

    run: parts of different runs have nothing in common. find: gives all rows of a split. A part
    that was left behind, or comes a second time, reads for itself.
    """
    given, shared = 0, _joined(run, split, find)
    try:
        while found := shared.take(split.part):
            given += 1
            yield found
        return
    except _LeftBehindError:
        pass
    finally:
        shared.leave(split.part)
    yield from islice((each for each in find(split) if split.keeps(each.ref)), given, None)


class _LeftBehindError(Exception):
    """Rows of the part have gone by."""


class _SharedReading:
    def __init__(self, split: Split, rows: Iterator[Found]) -> None:
        self._split, self._rows = split, rows
        self._moved = threading.Condition()  # guards all of this
        # By part; one that is missing has left, or was left behind.
        self._aside: dict[int, deque[Found]] = {part: deque() for part in range(split.parts)}
        self._aside_bytes = 0
        self._came: set[int] = set()
        self._ended = False

    def join(self, part: int) -> bool:
        """Lets a part take rows; False where it would not get all of them."""
        with self._moved:
            joins = part in self._aside and part not in self._came
            self._came.add(part)
        return joins

    def take(self, part: int) -> Found | None:
        """Gives the part's next row, None after the last. Raises _LeftBehindError."""
        with self._moved:
            while part in self._aside:
                if self._aside[part]:
                    found = self._aside[part].popleft()
                    self._aside_bytes -= _bytes(found)
                    self._moved.notify_all()
                    return found
                if self._ended:
                    return None
                if self._aside_bytes > _ASIDE_BYTES * len(self._here):
                    self._make_room()
                else:
                    self._read_on()
        raise _LeftBehindError

    def leave(self, part: int) -> None:
        """Lays nothing aside for the part any more."""
        with self._moved:
            self._drop(part)
            if not self._here:  # closes the file
                self._aside.clear()
                self._rows = iter(())
            self._moved.notify_all()

    @property
    def _here(self) -> set[int]:
        return self._aside.keys() & self._came

    def _make_room(self) -> None:
        if absent := self._aside.keys() - self._came:  # elsewhere, or to come much later
            for part in absent:
                self._drop(part)
            return
        slowest = max(self._aside, key=lambda part: len(self._aside[part]))
        if len(self._aside[slowest]) < _ENOUGH_ROWS or not self._moved.wait(_PATIENCE_S):
            self._drop(slowest)

    def _read_on(self) -> None:
        try:
            found = next(self._rows, None)
        except BaseException:  # no damage to the file, but no memory: all meet it for themselves
            self._aside.clear()
            raise
        if found is None:
            self._ended = True
        elif (aside := self._aside.get(self._split.part_of(found.ref))) is not None:
            aside.append(found)
            self._aside_bytes += _bytes(found)

    def _drop(self, part: int) -> None:
        self._aside_bytes -= sum(map(_bytes, self._aside.pop(part, ())))


_OPEN: WeakValueDictionary[Hashable, _SharedReading] = WeakValueDictionary()
_OPEN_LOCK = threading.Lock()


def _joined(
    run: Hashable, split: Split, find: Callable[[Split], Iterator[Found]]
) -> _SharedReading:
    key = (run, replace(split, part=0))
    with _OPEN_LOCK:
        shared = _OPEN.get(key)
        if shared is None or not shared.join(split.part):
            shared = _OPEN[key] = _SharedReading(split, find(replace(split, part=0, parts=1)))
            shared.join(split.part)
    return shared


def _bytes(found: Found) -> int:
    return found.size + _ROW_BYTES
