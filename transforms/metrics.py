"""The few measurements of a run, as Beam metrics, so that every runner adds them up."""

from functools import cache
from typing import Any

from apache_beam.metrics.metric import Metrics

from transforms.person_metadata import as_text
from transforms.run_state import RUN_STATE

NAMESPACE = "muster"
ROWS_READ = "rows_read"
NOT_KEPT = "rejected_not_kept"
RETRIES = "store_retries"
THROTTLED = "store_throttled_ms"
UNKNOWN_FIELD = "unknown_field_"
STAGE_CALLS = "stage_calls_"
STAGE_US = "stage_us_"

LONGEST_NAME = 200  # of an unknown field
_MOST_NAMES = 1000


def add(name: str, amount: int = 1) -> None:
    """Adds to a counter."""
    _counter(name).inc(amount)


def name_unknown_field(name: str) -> None:
    """Remembers the name of a field that we ignore: by a counter of its own.

    Of sets of strings, Beam keeps those of one bundle. Keys that are data are as many as rows, so
    that a process names some of them.
    """
    name = as_text(name)[:LONGEST_NAME]
    if RUN_STATE.knows_field(name, _MOST_NAMES):
        add(UNKNOWN_FIELD + name)


def add_time(stage: str, calls: int, spent_ns: int) -> None:
    """Adds to what a stage has done."""
    add(STAGE_CALLS + stage, calls)
    add(STAGE_US + stage, spent_ns // 1000)


@cache  # making one costs more than what it counts
def _counter(name: str) -> Any:
    return Metrics.counter(NAMESPACE, name)
