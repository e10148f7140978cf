"""How long a call is waited for that gives no answer at all."""

import threading
import time
from collections import deque

import pytest

from transforms.run_state import RUN_STATE
from transforms.stores import retries
from transforms.stores.retries import TransientError, with_retries


class Hanging:
    """A call that hangs for these many seconds, one after the other, and answers at once then."""

    def __init__(self, *seconds: float) -> None:
        self._left = deque(seconds)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self._left:
            time.sleep(self._left.popleft())
        return "an answer"


@pytest.fixture(autouse=True)
def _least_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_LEAST_ANSWER_S", 1.0)


def test_some_of_the_time_is_left_to_ask_again() -> None:
    call, began = Hanging(20.0), time.monotonic()
    assert with_retries(call, 4.0) == "an answer"
    assert call.calls == 2
    assert 2.0 <= time.monotonic() - began < 4.0


def test_a_slow_answer_is_waited_for() -> None:
    call = Hanging(0.2)
    assert with_retries(call, 0.0) == "an answer"
    assert call.calls == 1


def test_the_last_call_is_not_waited_for_much_longer() -> None:
    """Not for half of the time, as any other would be."""
    called: list[float] = []

    def late() -> None:
        called.append(time.monotonic())
        if len(called) == 1:
            raise TransientError("busy", retry_after_s=3.9)
        time.sleep(20.0)

    with pytest.raises(TransientError):
        with_retries(late, 4.0)
    assert len(called) == 2
    assert time.monotonic() - called[0] < 5.7


def test_a_stop_lets_a_busy_server_answer() -> None:
    stopping = threading.Timer(0.1, RUN_STATE.stop)
    stopping.start()
    try:
        assert with_retries(Hanging(2.0), 60.0) == "an answer"
    finally:
        stopping.cancel()
        RUN_STATE.begin("")


def test_a_stop_ends_the_waiting() -> None:
    call, began = Hanging(20.0), time.monotonic()
    stopping = threading.Timer(0.2, RUN_STATE.stop)
    stopping.start()
    try:
        with pytest.raises(TransientError):
            with_retries(call, 60.0)
        assert call.calls == 1
        assert 5.0 < time.monotonic() - began < 8.0
    finally:
        stopping.cancel()
        RUN_STATE.begin("")
