import os
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from benchmarks.in_turns import in_turns

# Does nothing for a second of its own turns, and prints when it began and ended.
BUSY = """
import time
began = time.monotonic()
while time.process_time() < 1.0:
    pass
print(began, time.monotonic())
"""
ASLEEP = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(60)
"""


def test_only_one_runs_at_a_time():
    found = in_turns([[sys.executable, "-c", BUSY]] * 2)

    slices = sorted(each for turn, _ in found for each in turn.slices)
    assert all(end <= start for (_, end), (start, _) in pairwise(slices))
    for turn, printed in found:
        began, ended = map(float, printed.split())
        assert 0.9 < turn.seconds([(began, ended)]) < ended - began
        assert turn.seconds([(began, began + 0.5), (ended, ended + 1)]) < 0.7


def test_what_fails_ends_the_others(tmp_path):
    started = tmp_path / "started"
    asleep = [sys.executable, "-c", ASLEEP, str(started)]
    fails = [sys.executable, "-c", "import time; time.sleep(1); raise SystemExit(3)"]
    before = time.monotonic()
    with pytest.raises(subprocess.CalledProcessError):
        in_turns([fails, asleep])
    assert time.monotonic() - before < 50
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
