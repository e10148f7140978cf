"""Programs in turn, each for a third of a second, so that all meet the same moments of the machine.

One after the other, runs of 20 s differ by 5 to 10 % on a machine that others use as well, which is
more than what is to be measured.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_SLICE_S = 0.3


@dataclass(slots=True)
class Turn:
    """A program that runs, with the processes that it starts. slices: when it ran, monotonic."""

    process: subprocess.Popen[str]
    slices: list[tuple[float, float]] = field(default_factory=list)

    def seconds(self, spans: Iterable[tuple[float, float]]) -> float:
        """Gives how long it ran within these spans of time."""
        return sum(
            max(0.0, min(end, ended) - max(start, began))
            for began, ended in spans
            for start, end in self.slices
        )


def in_turns(commands: Sequence[Sequence[str]]) -> list[tuple[Turn, str]]:
    """Runs all to their end; gives each with what it printed.

    Raises CalledProcessError, and ends all, when one fails.
    """
    turns: list[Turn] = []
    try:
        for command in commands:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True, start_new_session=True
            )
            turns.append(Turn(process))
            os.killpg(process.pid, signal.SIGSTOP)
        running = list(turns)
        while running:
            running = [each for each in running if _runs_on(each)]
        return [(each, each.process.communicate()[0]) for each in turns]
    finally:
        for each in turns:
            if each.process.poll() is None:
                os.killpg(each.process.pid, signal.SIGKILL)
                each.process.wait()


def _runs_on(turn: Turn) -> bool:
    process, began = turn.process, time.monotonic()
    os.killpg(process.pid, signal.SIGCONT)
    try:
        code = process.wait(_SLICE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGSTOP)
        return True
    finally:
        turn.slices.append((began, time.monotonic()))
    if code:
        raise subprocess.CalledProcessError(code, process.args)
    return False
