"""Runs a stage's work on records: what fails becomes an Outcome. The only broad `except`."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows

from schemas.errors import Code, Fault, RejectedError
from schemas.records import Outcome, person_id_of, ref_of
from transforms import metrics

# To hand a batch to a thread and take it back costs half a millisecond where Python is the limit.
_WORTH_A_THREAD_NS = 5_000_000


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


class BatchStage(Stage):
    """A stage that looks at several records at once. One that fails never fails the others."""

    def advance(self, records: Sequence[Any]) -> Sequence[Any]:
        """Gives the next stage's record for each, in order, or raises for all of them."""
        raise NotImplementedError

    def process(self, batch: Sequence[Any]) -> Iterable[Any]:
        """Hands on Outcomes; advances the rest together, and one by one where that fails."""
        outcomes, records = _apart(batch)
        return [*outcomes, *self._advanced(records)] if records else outcomes

    def _advanced(self, records: Sequence[Any]) -> Sequence[Any]:
        began = time.perf_counter_ns()
        try:
            advanced = list(self.advance(records))
        except Exception:  # whose fault it was shows when each stands alone
            advanced = [guarded(lambda each: self.advance([each])[0], record) for record in records]
        self.note(began)
        return advanced


class AheadStage(BatchStage):
    """A batch stage that advances one batch while the stages before it make the next.

    So engines wait neither for those stages nor for the Python code of another worker. Batches that
    take less time than it is worth are advanced at once, as is the first.
    """

    _under_way: "Future[Sequence[Any]] | None"

    def setup(self) -> None:
        """Starts the thread that advances the batches of this worker."""
        self._thread = ThreadPoolExecutor(1)

    def start_bundle(self) -> None:
        """Forgets what a failed bundle left."""
        self._under_way = None

    def process(self, batch: Sequence[Any]) -> Iterable[Any]:
        """Hands on Outcomes, and what is advanced: of the batch before, where one is ahead."""
        outcomes, records = _apart(batch)
        if not records:
            return outcomes
        before, self._under_way = self._under_way, None
        if self._spent_ns > self._calls * _WORTH_A_THREAD_NS:  # on average; none yet at the first
            self._under_way = self._thread.submit(self._advanced, records)
            return [*outcomes, *_result(before)]
        return [*outcomes, *_result(before), *self._advanced(records)]

    def finish_bundle(self) -> Iterable[Any]:
        """Hands on the last batch, advanced."""
        last = _result(self._under_way)
        self._under_way = None
        super().finish_bundle()
        return [GlobalWindows.windowed_value_at_end_of_window(each) for each in last]

    def teardown(self) -> None:
        """Ends the thread."""
        self._thread.shutdown()


def _result(under_way: "Future[Sequence[Any]] | None") -> Sequence[Any]:
    return under_way.result() if under_way else ()


def _apart(batch: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Gives the Outcomes, and the other records."""
    outcomes = [record for record in batch if isinstance(record, Outcome)]
    return outcomes, [record for record in batch if not isinstance(record, Outcome)]
