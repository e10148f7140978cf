"""Batches bounded by count and by bytes: a Beam bundle is the whole input, so both must be."""

from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam

from schemas.records import FilePiece, Outcome, ref_of


def batch_records(
    max_records: int, max_bytes: int, size: Callable[[Any], int]
) -> beam.BatchElements:
    """Gives the PTransform. size: bytes of a record that is still under way."""
    share = max_bytes // max_records

    def weight(record: Any) -> int:
        own = 0 if isinstance(record, Outcome) else size(record)
        return max(share, own + _raw_bytes(ref_of(record).raw))

    return beam.BatchElements(
        min_batch_size=max_bytes,
        max_batch_size=max_bytes,
        element_size_fn=weight,
        record_metrics=False,
    )


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
