"""Batches bounded by count and by bytes: a Beam bundle is the whole input, so both must be."""

from collections.abc import Callable
from typing import Any

import apache_beam as beam

from schemas.records import Outcome


def batch_records(
    max_records: int, max_bytes: int, size: Callable[[Any], int]
) -> beam.BatchElements:
    """Gives the PTransform. size: bytes of a record that is still under way."""
    share = max_bytes // max_records

    def weight(record: Any) -> int:
        return max(share, 0 if isinstance(record, Outcome) else size(record))

    return beam.BatchElements(
        min_batch_size=max_bytes,
        max_batch_size=max_bytes,
        element_size_fn=weight,
        record_metrics=False,
    )
