"""Where the workers of one run write until all is whole: a folder in the run's.

A job on a cluster may outlive the process that started it, and go on while another run has taken
the run folder over: what it writes must not meet that run's.
"""

import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from transforms.disk import to_disk
from transforms.run_state import ALIVE, BEGUN

RESULTS = "results"
REJECTED = "rejected"

_NAME = ".run-"
_BEAT_EVERY_S = 5.0


class Workplace:
    """That of one run. path: of its folder, whose name no other run has."""

    def __init__(self, run_folder: Path) -> None:
        self._run_folder = run_folder
        self.path = run_folder / f"{_NAME}{uuid.uuid4().hex[:12]}"

    @property
    def stop_marker(self) -> str:
        """The file that stands for a stop, while there is one."""
        return str(self.path / "stop")

    @property
    def results_prefix(self) -> str:
        """Where Beam writes the result files."""
        return str(self.path / RESULTS / RESULTS)

    @property
    def rejected(self) -> Path:
        """The folder of the rows that are not enrolled."""
        return self.path / REJECTED

    @property
    def losers(self) -> Path:
        """The database of the rows that lose to another of the same id."""
        return self.path / "losers"

    @property
    def temporary(self) -> Path:
        """The folder of what Beam needs for the time of the run, and would leave behind."""
        return self.path / "temporary"

    def make(self) -> None:
        """Makes it. Raises OSError."""
        for each in (self.path, self.path / RESULTS, self.rejected, self.temporary):
            each.mkdir(mode=0o700)
        self._beat()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Tells workers elsewhere, every few seconds of the block, that the launcher lives.

        In a thread of its own: a terminal that takes no more lines holds up the one that waits.
        """
        over = threading.Event()

        def beat() -> None:
            while not over.wait(_BEAT_EVERY_S):
                self._beat()

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _beat(self) -> None:
        with suppress(OSError):  # of a full disk: what cannot do without will tell it
            (self.path / ALIVE).write_text(f"{time.monotonic()}")

    def has_begun(self) -> bool:
        """True once a worker in another process takes part."""
        return (self.path / BEGUN).exists()

    def hand_over(self) -> None:
        """Moves the files that are whole to where they stay. Raises OSError."""
        for folder in (RESULTS, REJECTED):
            for file in (self.path / folder).iterdir():
                if file.is_file() and file.suffix != ".partial":
                    to_disk(file)
                    os.replace(file, self._run_folder / folder / file.name)
            if (self._run_folder / folder).exists():
                to_disk(self._run_folder / folder)


def workplaces(run_folder: Path) -> list[Path]:
    """Gives those of all runs that had the folder."""
    return sorted(run_folder.glob(f"{_NAME}*"))
