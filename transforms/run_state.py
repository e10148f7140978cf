"""What a run and its workers tell each other within one process: stop, and how far we are.

On a cluster each worker process has its own, which nobody reads: there, Beam's metrics and the
runner's own cancellation serve.
"""

import threading
from collections import Counter


class RunState:
    """Stop flag and live counts. One run at a time uses a process.

    under_way: rows are being read, so that a stop is worth waiting for.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()
        self._stop = threading.Event()
        self.store_lost = False
        self.under_way = False

    def reset(self) -> None:
        """Forgets the run before."""
        with self._lock:
            self._outcomes.clear()
        self._stop.clear()
        self.store_lost = False
        self.under_way = False

    def stop(self) -> None:
        """Makes the readers yield no more; what is under way is finished and recorded."""
        self._stop.set()

    def lose_store(self) -> None:
        """Stops the run because the store stays away."""
        self.store_lost = True
        self.stop()

    @property
    def stopping(self) -> bool:
        """True from the first call of `stop` on."""
        return self._stop.is_set()

    def count(self, outcome: str) -> None:
        """Adds one finished row, by action or code."""
        with self._lock:
            self._outcomes[outcome] += 1

    def outcomes(self) -> Counter[str]:
        """Gives a copy of the counts so far."""
        with self._lock:
            return self._outcomes.copy()


RUN_STATE = RunState()
