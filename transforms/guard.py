"""Runs a stage's work on records: what fails becomes an Outcome."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import apache_beam as beam

from schemas.errors import Code, Fault, RejectedError
from schemas.records import Outcome, person_id_of, ref_of
from transforms import metrics


def guarded(work: Callable[[Any], Any], record: Any) -> Any:
    """Gives `work(record)`, or the Outcome that says why not."""
    try:
        return work(record)
    except RejectedError as error:
        return rejected(record, error.fault)
    except Exception as error:  # anything unforeseen fails its own row, never the run
        return rejected(record, Fault(Code.INTERNAL_ERROR, type(error).__name__))


def rejected(record: Any, fault: Fault) -> Outcome:
    """Gives the Outcome of a record that goes no further."""
    return Outcome(ref_of(record), fault.code, person_id_of(record), fault.detail)


class Stage(beam.DoFn):
    """A stage that knows its time. A bundle's is told at its end: Beam's metrics are slow."""

    stage: str
    _calls = 0
    _spent_ns = 0

    def note(self, began_ns: int) -> None:
        """Adds a call that began then, by `time.perf_counter_ns`, and ends now."""
        self._calls += 1
        self._spent_ns += time.perf_counter_ns() - began_ns

    def finish_bundle(self) -> Iterable[Any]:
        """Tells Beam of all calls since the last time."""
        metrics.add_time(self.stage, self._calls, self._spent_ns)
        self._calls = self._spent_ns = 0
        return ()


class RecordStage(Stage):
    """A stage that looks at one record at a time. Outcomes pass untouched."""

    def advance(self, record: Any) -> Any:
        """Gives the next stage's record, or raises."""
        raise NotImplementedError

    def process(self, record: Any) -> Iterable[Any]:
        """Hands on an Outcome; advances anything else."""
        if isinstance(record, Outcome):
            return [record]
        began = time.perf_counter_ns()
        advanced = guarded(self.advance, record)
        self.note(began)
        return [advanced]
