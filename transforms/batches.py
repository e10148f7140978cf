"""Batches bounded by count and by bytes: a Beam bundle is the whole input, so both must be."""

from collections.abc import Callable, Iterable, Sequence
from random import randrange
from typing import Any

import apache_beam as beam
from apache_beam.coders import typecoders
from apache_beam.transforms.window import GlobalWindows

from schemas.records import FilePiece, Outcome, ref_of


class Batch(list[Any]):
    """Records that go through a stage together. weight: what counts against its bound, in bytes."""

    weight = 0


class _BatchCoder(beam.coders.Coder):
    """Knows a batch's size: Beam encodes what it samples to learn that, images and all."""

    _pickled = beam.coders.PickleCoder()

    def encode(self, value: Batch) -> bytes:
        encoded: bytes = self._pickled.encode(value)
        return encoded

    def decode(self, encoded: bytes) -> Batch:
        batch: Batch = self._pickled.decode(encoded)
        return batch

    def estimate_size(self, value: Batch) -> int:
        return value.weight


typecoders.registry.register_coder(Batch, _BatchCoder)


class _BatchFn(beam.DoFn):
    """Beam's BatchElements takes five times as long a record, for it also times its batches."""

    def __init__(self, max_records: int, max_bytes: int, size: Callable[[Any], int]) -> None:
        self._max_bytes, self._size = max_bytes, size
        self._share = max_bytes // max_records

    def start_bundle(self) -> None:
        self._batch = Batch()
        # Workers that begin together would read and write at the same moments, and wait for each
        # other: so the first batch begins with a weight that it does not have, and ends early.
        self._batch.weight = randrange(self._max_bytes)  # noqa: S311

    def process(self, record: Any) -> Iterable[Batch]:
        if isinstance(record, Outcome):  # nobody waits for it, so it need not wait either
            return [Batch([record])]
        weight = max(self._share, self._size(record) + _raw_bytes(ref_of(record).raw))
        full = []
        if self._batch and self._batch.weight + weight > self._max_bytes:
            full.append(self._batch)
            self._batch = Batch()
        self._batch.append(record)
        self._batch.weight += weight
        return full

    def finish_bundle(self) -> Iterable[Any]:
        if self._batch:
            yield GlobalWindows.windowed_value_at_end_of_window(self._batch)


def batch_records(max_records: int, max_bytes: int, size: Callable[[Any], int]) -> beam.ParDo:
    """Gives the PTransform. size: bytes of a record that is still under way.

    Outcomes come alone, and at once.
    """
    return beam.ParDo(_BatchFn(max_records, max_bytes, size))


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
