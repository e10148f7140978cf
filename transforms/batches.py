"""Stages that look at several records at once.

Batches are bounded by count and by bytes: a Beam bundle is the whole input, so both must be.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from random import randrange
from typing import Any

from apache_beam.transforms.window import GlobalWindows

from schemas.records import FilePiece, Outcome, ref_of
from transforms.guard import Stage, guarded


class BatchStage(Stage):
    """A stage that looks at several records at once. One that fails never fails the others.

    Outcomes pass untouched, and at once. max_records, max_bytes: of a batch; a record that is
    larger stands alone. Beam's BatchElements takes five times as long a record, for it also times
    its batches.
    """

    max_records: int
    max_bytes: int

    def size(self, record: Any) -> int:
        """Gives about how many bytes a record holds."""
        raise NotImplementedError

    def advance(self, records: Sequence[Any]) -> Sequence[Any]:
        """Gives the next stage's record for each, in order, or raises for all of them."""
        raise NotImplementedError

    def start_bundle(self) -> None:
        """Begins the first batch."""
        self._batch: list[Any] = []
        # Workers that begin together would read and write at the same moments, and wait for each
        # other: so the first batch begins with a weight that it does not have, and ends early.
        self._weight = randrange(self.max_bytes)  # noqa: S311

    def process(self, record: Any) -> Iterable[Any]:
        """Hands on an Outcome; keeps anything else, and advances what was kept where it is full."""
        if isinstance(record, Outcome):
            return [record]
        bytes_ = self.size(record) + _raw_bytes(ref_of(record).raw)
        weight = max(self.max_bytes // self.max_records, bytes_)
        is_full = self._weight + weight > self.max_bytes
        advanced = self._advance_batch() if self._batch and is_full else ()
        self._batch.append(record)
        self._weight += weight
        return advanced

    def finish_bundle(self) -> Iterable[Any]:
        """Advances what is left."""
        rest = self._advance_batch() if self._batch else ()
        super().finish_bundle()
        return map(GlobalWindows.windowed_value_at_end_of_window, rest)

    def _advance_batch(self) -> Sequence[Any]:
        records, self._batch, self._weight = self._batch, [], 0
        began = time.perf_counter_ns()
        try:
            advanced = list(self.advance(records))
        except Exception:  # whose fault it was shows when each stands alone
            advanced = [guarded(lambda each: self.advance([each])[0], record) for record in records]
        self.note(began)
        return advanced


def _raw_bytes(raw: Any) -> int:
    if raw is None or isinstance(raw, FilePiece):
        return 0
    return len(raw) if isinstance(raw, bytes) else int(raw.nbytes)


def by_collection(
    records: Sequence[Any], work: Callable[[str, Sequence[Any]], Sequence[Any]]
) -> Sequence[Any]:
    """Gives `work(collection, its records)` of all collections, in the order of the records."""
    places: dict[str, list[int]] = {}
    for place, record in enumerate(records):
        places.setdefault(ref_of(record).collection, []).append(place)
    done: dict[int, Any] = {}
    for collection, theirs in places.items():
        done.update(zip(theirs, work(collection, [records[n] for n in theirs]), strict=True))
    return [done[place] for place in range(len(records))]
