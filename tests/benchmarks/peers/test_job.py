import sys
from pathlib import Path

import pytest

from benchmarks.peers import job
from benchmarks.peers.job import Clock, Job, seconds_since_start


def test_a_command_line_gives_the_job_back(monkeypatch: pytest.MonkeyPatch):
    given = Job("photos.parquet", "openvino", "models", "scratch", "http://127.0.0.1:1")
    monkeypatch.setattr(sys, "argv", ["loop", *given.arguments()])
    assert Job.of_arguments() == given


def test_the_clock_starts_at_the_mean_of_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    times = iter([100.0, 104.0, 112.0])
    monkeypatch.setattr(job.time, "time", lambda: next(times))
    first, other = Clock(str(tmp_path)), Clock(str(tmp_path))
    first.start()
    first.start()
    other.start()
    assert seconds_since_start(str(tmp_path)) == 10.0
