"""When a call to a server is made again: one policy for look-ups and writes."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_exponential,
    wait_random,
)

from transforms import metrics
from transforms.run_state import RUN_STATE

T = TypeVar("T")

LONGEST_ANSWER_S = 60.0
_LEAST_ANSWER_S = 10.0
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 20.0
_JITTER_S = 1.0
_NAP_S = 0.1
# With a call under way when the run is being stopped: a busy server takes seconds for a write, and
# what stops containers gives a process ten before it is killed.
_PATIENCE_S = 5.0


class TransientError(Exception):
    """A failure that may pass. retry_after_s: the delay that the server asked for."""

    def __init__(self, why: str, retry_after_s: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class BusyError(TransientError):
    """The server is there, and answered that it could not do it now."""


def while_busy(call: Callable[[], T], retry_for_s: float) -> T:
    """Gives `call()`, tried again for `retry_for_s` where the server is busy, with growing waits.

    For what somebody waits for: a server that is not there is told at once. Raises TransientError.
    """
    return Retrying(
        retry=retry_if_exception_type(BusyError),
        stop=stop_after_delay(retry_for_s),
        wait=_growing(retry_for_s),
        reraise=True,
    )(call)


def with_retries(call: Callable[[], T], retry_for_s: float) -> T:
    """Gives `call()`, tried again for `retry_for_s` at most; then raises TransientError.

    Waits grow exponentially with jitter and honour the server's delay, up to what is left of
    the time. A run that is being stopped waits no more. A server that takes a call and never
    answers is given half the time, so that there is some left to try again, and all in all no
    more than `_LEAST_ANSWER_S` beyond it.
    """
    too_late = stop_after_delay(retry_for_s)
    answer_s = min(LONGEST_ANSWER_S, max(_LEAST_ANSWER_S, retry_for_s / 2))
    end = time.monotonic() + retry_for_s + _LEAST_ANSWER_S
    return Retrying(
        retry=retry_if_exception_type(TransientError),
        stop=lambda state: RUN_STATE.stopping or too_late(state),
        wait=_growing(retry_for_s),
        sleep=_sleep,
        reraise=True,
    )(lambda: _abandonable(call, min(end, time.monotonic() + answer_s)))


def _growing(retry_for_s: float) -> Callable[[RetryCallState], float]:
    growing = wait_exponential(_FIRST_WAIT_S, _LONGEST_WAIT_S) + wait_random(0, _JITTER_S)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, TransientError) else 0.0
        left = retry_for_s - (state.seconds_since_start or 0.0)
        return max(0.0, min(max(growing(state), asked), left))

    return wait


def _abandonable(call: Callable[[], T], end: float) -> T:
    """Gives `call()`, or raises TransientError where no answer comes in time or the run stops.

    The client's own time limit begins anew with each byte, and would hold up a stop. What
    becomes of the request is unknown then, as after any failure: the same write again mends it.
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            answers.append(call())
        except BaseException as error:  # handed to the thread that waits
            errors.append(error)

    thread = threading.Thread(target=work, name="store", daemon=True)
    thread.start()
    while thread.is_alive() and (left := end - time.monotonic()) > 0:
        if RUN_STATE.stopping:
            end = min(end, time.monotonic() + _PATIENCE_S)
        thread.join(min(_NAP_S, left))
    if errors:
        raise errors[0]
    if not answers:
        raise TransientError("no answer in time")
    return answers[0]


def _sleep(seconds: float) -> None:
    """Waits, and counts the time that was really waited: a stop cuts it short."""
    began = time.monotonic()
    while not RUN_STATE.stopping and (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(_NAP_S, left))
    metrics.add(metrics.RETRIES)
    metrics.add(metrics.THROTTLED, round((time.monotonic() - began) * 1000))
