"""The few measurements of a run, as Beam metrics, so that every runner adds them up."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from apache_beam.metrics.metric import Metrics

from transforms.person_metadata import as_text

NAMESPACE = "muster"
ROWS_READ = "rows_read"
RETRIES = "store_retries"
THROTTLED = "store_throttled_ms"
UNKNOWN_FIELDS = "unknown_fields"
STAGE_PREFIX = "stage_us_"


def add(name: str, amount: int = 1) -> None:
    """Adds to a counter."""
    _counter(name).inc(amount)


def name_unknown_field(name: str) -> None:
    """Remembers the name of a field that we ignore."""
    Metrics.string_set(NAMESPACE, UNKNOWN_FIELDS).add(as_text(name))


@contextmanager
def timed(stage: str) -> Iterator[None]:
    """Adds the time within to the stage's microseconds, also where the work fails."""
    began = time.perf_counter_ns()
    try:
        yield
    finally:
        elapsed = (time.perf_counter_ns() - began) // 1000
        _distribution(STAGE_PREFIX + stage).update(elapsed)


@cache  # making one costs more than what it measures
def _distribution(name: str) -> Any:
    return Metrics.distribution(NAMESPACE, name)


@cache
def _counter(name: str) -> Any:
    return Metrics.counter(NAMESPACE, name)
