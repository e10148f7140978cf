"""What Beam's metrics tell of a run, whatever the runner."""

import resource
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apache_beam.metrics.metric import MetricsFilter

from transforms import metrics

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Measurements:
    """stages: name -> calls and seconds, summed over all workers."""

    rows_read: int
    not_kept: int = 0
    retries: int = 0
    throttled_s: float = 0.0
    stages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unknown_fields: frozenset[str] = frozenset()


def measured(result: Any) -> Measurements:
    """Gives the measurements of a Beam result."""
    query = result.metrics().query(MetricsFilter().with_namespace(metrics.NAMESPACE))
    counters = Counter[str]()
    for each in query["counters"]:  # one a step of the pipeline: several steps may share a name
        counters[each.key.metric.name] += each.result or 0  # portable runners have None for 0
    calls = {
        name.removeprefix(metrics.STAGE_CALLS): number
        for name, number in sorted(counters.items())
        if name.startswith(metrics.STAGE_CALLS) and number
    }
    fields = {
        name.removeprefix(metrics.UNKNOWN_FIELD)
        for name, number in counters.items()
        if name.startswith(metrics.UNKNOWN_FIELD) and number
    }
    return Measurements(
        rows_read=counters[metrics.ROWS_READ],
        not_kept=counters[metrics.NOT_KEPT],
        retries=counters[metrics.RETRIES],
        throttled_s=counters[metrics.THROTTLED] / 1000,
        stages={
            stage: {
                "calls": number,
                "seconds": round(counters[metrics.STAGE_US + stage] / _MICROSECONDS, 3),
            }
            for stage, number in calls.items()
        },
        unknown_fields=frozenset(fields),
    )


def peak_memory_bytes() -> int:
    """Gives this process's peak resident size."""
    with suppress(OSError):  # getrusage would count what the parent had when it forked
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
