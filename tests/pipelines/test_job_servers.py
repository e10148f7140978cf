import signal
from pathlib import Path

import pytest

from tests.command import Muster
from tests.own_job_server import OwnServerRunner
from tests.payloads import people, write_lines

OWN, NONE = (
    f"--runner=tests.own_job_server.{name}" for name in ("OwnServerRunner", "NoServerRunner")
)


def test_a_runner_that_starts_a_server_of_its_own(
    muster: Muster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its workers are in this process, so that an embedded store will do."""
    monkeypatch.setattr(OwnServerRunner, "told", [])
    muster.create()
    path = write_lines(tmp_path / "in.jsonl", people(3))
    before = signal.getsignal(signal.SIGINT)
    ended = muster("enroll", path, *muster.options("run"), "--", OWN)
    assert (ended.code, ended.json["enrolled"]) == (0, 3)
    assert OwnServerRunner.told == ["started", "stopped"]
    assert signal.getsignal(signal.SIGINT) is before
    assert {each.name for each in (muster.folder / "run").iterdir()} == {
        ".lock",
        "manifest.json",
        "report.json",
        "results",
    }


def test_a_server_that_cannot_be_started_is_told(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    path = write_lines(tmp_path / "in.jsonl", people(1))
    ended = muster("enroll", path, *muster.options("run"), "--", NONE)
    assert ended.code == 1
    assert "the run failed: no job server for the runner: no jar\n" in ended.stderr
