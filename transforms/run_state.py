"""What a run and its workers tell each other: stop; and, within a process, how far we are.

A stop is an event in this process and a file beside the results, which all workers can reach
wherever they are: a worker looks for it once a second.
"""

import threading
import time
from collections import Counter
from contextlib import suppress

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

_LOOK_EVERY_S = 1.0
_PLAIN = CompressionTypes.UNCOMPRESSED


class RunState:
    """Stop flag and live counts. One run at a time uses a process.

    under_way: rows are being read, so that a stop is worth waiting for. why: what made a worker
    stop the run; empty where a person did.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()
        self._stop = threading.Event()
        self._marker = ""
        self._next_look = 0.0
        self.under_way = False
        self.why = ""

    def begin(self, marker: str) -> None:
        """Forgets the run before. marker: the file that stands for a stop of this run."""
        with self._lock:
            self._outcomes.clear()
            self._stop.clear()
            self._marker = marker
            self.under_way = False
            self.why = ""

    def join(self, marker: str) -> None:
        """Makes a worker's process take part in the run; the launcher's own already does."""
        if marker != self._marker:
            self.begin(marker)

    @property
    def run(self) -> str:
        """What tells this run from the one before it in the same process."""
        return self._marker

    def stop(self, why: str = "") -> None:
        """Makes all readers yield no more; what is under way is finished and recorded."""
        self.why = self.why or why
        self._stop.set()
        if not self._marker:
            return
        with suppress(OSError):  # on a full disk: this process has stopped all the same
            if not FileSystems.exists(self._marker):
                with FileSystems.create(self._marker, compression_type=_PLAIN) as file:
                    file.write(why.encode())

    @property
    def stopping(self) -> bool:
        """True from the first call of `stop` on, in whichever process that was."""
        if not self._stop.is_set() and self._marker and time.monotonic() > self._next_look:
            self._next_look = time.monotonic() + _LOOK_EVERY_S
            if FileSystems.exists(self._marker):
                with FileSystems.open(self._marker, compression_type=_PLAIN) as file:
                    self.why = self.why or file.read().decode()
                self._stop.set()
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
