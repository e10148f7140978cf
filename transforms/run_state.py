"""What a run and its workers tell each other: stop; and, within a process, how far we are.

A stop is an event in this process and a file beside the results, which all workers can reach
wherever they are: a worker looks for it once a second. A worker in another process than the
launcher's also stops where it hears no more of that: its job may outlive it.
"""

import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

# Beside the file of the stop.
ALIVE = "alive"  # the launcher writes it anew every few seconds
BEGUN = "begun"  # a worker elsewhere has made it
CANNOT_JOIN = "a worker elsewhere cannot use the run folder"

_LOOK_EVERY_S = 1.0
_PATIENCE_S = 60.0


class RunState:
    """Stop flag and live counts. One run at a time uses a process.

    under_way: rows are being read, so that a stop is worth waiting for. why: what made a worker
    stop the run; empty where a person did.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()
        self._fields: set[str] = set()
        self._stop = False  # no `Event`: a signal within its `set` would wait for itself for ever
        self.begin("")

    def begin(self, marker: str) -> None:
        """Forgets the run before. marker: the file that stands for a stop of this run."""
        with self._lock:
            self._outcomes.clear()
            self._fields.clear()
            self._stop = False
            self._marker, self._next_look = marker, 0.0
            self._is_elsewhere, self._beat, self._heard = False, b"", time.monotonic()
            self.under_way = False
            self.why = ""

    def join(self, marker: str) -> None:
        """Makes a worker's process take part in the run; the launcher's own already does.

        Raises RuntimeError where this one could not hand over what it writes.
        """
        if marker != self._marker:
            _leave_sign(Path(marker).parent)
            self.begin(marker)
            self._is_elsewhere = True

    @property
    def run(self) -> str:
        """What tells this run from the one before it in the same process."""
        return self._marker

    def stop(self, why: str = "") -> None:
        """Makes all readers yield no more; what is under way is finished and recorded."""
        self.why = self.why or why
        self._stop = True
        if self._marker:
            # On a full disk, or after the run: this process has stopped all the same.
            with suppress(OSError), open(self._marker, "x", encoding="utf-8") as file:
                file.write(why)

    @property
    def stopping(self) -> bool:
        """True from the first call of `stop` on, in whichever process that was."""
        if not self._stop and self._marker and time.monotonic() > self._next_look:
            self._next_look = time.monotonic() + _LOOK_EVERY_S
            self._look()
        return self._stop

    def is_over(self, run: str) -> bool:
        """True where nothing more is to be read for that run: it stops, or another one is here.

        What is left of a run that broke may go on while the next one begins.
        """
        return run != self._marker or self.stopping

    def _look(self) -> None:
        with suppress(OSError):
            self.why = Path(self._marker).read_text(encoding="utf-8") or self.why
            self._stop = True
            return
        if self._is_elsewhere and not self._launcher_lives():
            self.stop("a worker heard no more of the process that started the run")

    def _launcher_lives(self) -> bool:
        try:
            beat = Path(self._marker).with_name(ALIVE).read_bytes()
        except FileNotFoundError:  # the run is over, or another one has its folder
            return False
        except OSError:  # of a mounted disk: it may come back
            beat = self._beat
        now = time.monotonic()
        if beat != self._beat:
            self._beat, self._heard = beat, now
        return now - self._heard < _PATIENCE_S

    def count(self, outcome: str) -> None:
        """Adds one finished row, by action or code."""
        with self._lock:
            self._outcomes[outcome] += 1

    def knows_field(self, name: str, most: int) -> bool:
        """True for the first so many unknown fields that this process meets."""
        with self._lock:
            if len(self._fields) < most:
                self._fields.add(name)
            return name in self._fields

    def outcomes(self) -> Counter[str]:
        """Gives a copy of the counts so far."""
        with self._lock:
            return self._outcomes.copy()


def _leave_sign(workplace: Path) -> None:
    try:
        # Not of the folder: a writer of Beam's makes one where there is none.
        launcher = (workplace / ALIVE).stat().st_uid
        (workplace / BEGUN).touch()
        same = launcher == (workplace / BEGUN).stat().st_uid
        why = "it belongs to another user"
    except OSError as error:
        same, why = False, f"{error.strerror}"
    if not same:
        # No OSError: a runner hands on the text alone, and the launcher looks for this one.
        raise RuntimeError(f"{CANNOT_JOIN}: {why}")


RUN_STATE = RunState()
