"""The few measurements of a run, as Beam metrics, so that every runner adds them up."""

from functools import cache
from typing import Any

from apache_beam.metrics.metric import Metrics

from transforms.person_metadata import as_text

NAMESPACE = "muster"
ROWS_READ = "rows_read"
RETRIES = "store_retries"
THROTTLED = "store_throttled_ms"
UNKNOWN_FIELDS = "unknown_fields"
STAGE_CALLS = "stage_calls_"
STAGE_US = "stage_us_"


def add(name: str, amount: int = 1) -> None:
    """Adds to a counter."""
    _counter(name).inc(amount)


def name_unknown_field(name: str) -> None:
    """Remembers the name of a field that we ignore."""
    _string_set(UNKNOWN_FIELDS).add(as_text(name))


def add_time(stage: str, calls: int, spent_ns: int) -> None:
    """Adds to what a stage has done."""
    add(STAGE_CALLS + stage, calls)
    add(STAGE_US + stage, spent_ns // 1000)


@cache  # making one costs more than what it counts
def _counter(name: str) -> Any:
    return Metrics.counter(NAMESPACE, name)


@cache
def _string_set(name: str) -> Any:
    return Metrics.string_set(NAMESPACE, name)
