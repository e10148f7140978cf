"""What the test server can do wrong: one fault at a time, or many at random by a seed."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from tests.qdrant_server import HANG_UP, Fault, QdrantTestServer

FAULTS = {
    "429 with a delay": Fault(429, {"Retry-After": "1"}),
    "500": Fault(500),
    "502": Fault(502),
    "503": Fault(503),
    "500 after applying": Fault(500, applied=True),
    "wait_timeout, not applied": Fault(update="wait_timeout"),
    "wait_timeout, applied": Fault(update="wait_timeout", applied=True),
    "dropped before applying": HANG_UP,
    "dropped in the middle of the answer": Fault(applied=True, sent=0.5),
    "dropped after applying": Fault(applied=True, sent=0.0),
}


def stalls(seconds: float) -> dict[str, Fault]:
    """Gives the faults of a server that hangs, and then hangs up."""
    return {
        "stalled before applying": Fault(sent=0.0, stall_s=seconds),
        "stalled after applying": Fault(applied=True, sent=0.0, stall_s=seconds),
    }


class AtRandom:
    """Gives a share of all look-ups and writes one of the faults; the first of all has one."""

    def __init__(self, faults: Mapping[str, Fault], share: float, seed: int) -> None:
        self._faults, self._share = faults, share
        self._random, self._lock = random.Random(seed), threading.Lock()
        self.met: Counter[str] = Counter()

    def __call__(self, method: str, path: str) -> Fault | None:
        if not path.endswith("/points"):
            return None
        with self._lock:
            fitting = self._fitting(method)
            if not fitting or (self.met and self._random.random() >= self._share):
                return None
            name = self._random.choice(fitting)
            self.met[name] += 1
        return self._faults[name]

    def _fitting(self, method: str) -> Sequence[str]:
        """Gives the faults that such a request can meet."""
        return [name for name, each in self._faults.items() if method == "PUT" or not each.update]


class FromWrite:
    """Gives every look-up and write the fault, from the n-th write on. since: when that was."""

    def __init__(self, number: int, fault: Fault) -> None:
        self._left, self._fault = number, fault
        self.since = float("inf")

    def __call__(self, method: str, path: str) -> Fault | None:
        self._left -= method == "PUT"
        if self._left > 0 or not path.endswith("/points"):
            return None
        self.since = min(self.since, time.monotonic())
        return self._fault


class Away:
    """Takes the server away at the n-th write, for some seconds or for good (None).

    From that write on all are hung up on: connections that live until the server has gone would
    let a small run through.
    """

    def __init__(self, server: QdrantTestServer, number: int, seconds: float | None) -> None:
        self._server, self._left, self._seconds = server, number, seconds
        self._lock, self._leaving = threading.Lock(), False
        self.since = float("inf")

    def __call__(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self._left -= method == "PUT"
            if self._left == 0 and self.since == float("inf"):
                self._leaving = True
                self.since = time.monotonic()
                threading.Thread(target=self._leave, daemon=True).start()
            return HANG_UP if self._leaving else None

    def _leave(self) -> None:
        self._server.go_away()
        self._leaving = False
        if self._seconds is not None:
            time.sleep(self._seconds)
            self._server.come_back()
