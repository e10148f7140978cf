import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from apache_beam.options.pipeline_options import PortableOptions
from apache_beam.runners.portability.job_server import (
    JobServer,
    StopOnExitJobServer,
    SubprocessJobServer,
)
from apache_beam.runners.portability.portable_runner import (
    JobServiceHandle,
    PipelineResult,
    PortableRunner,
)

from pipelines.job_servers import job_server_of
from pipelines.launch import beam_options
from schemas.errors import UsageError
from tests.command import Muster
from tests.own_job_server import OwnServerRunner
from tests.payloads import people, write_lines

LOOPBACK = "--environment_type=LOOPBACK"
EXTERNAL = ("--environment_type=EXTERNAL", "--environment_config=host:50000")
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
    ended = muster("enroll", path, *muster.options("run"), "--", OWN, LOOPBACK)
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
    ended = muster("enroll", path, *muster.options("run"), "--", NONE, LOOPBACK)
    assert ended.code == 1
    assert "the run failed: no job server for the runner: no jar\n" in ended.stderr


def test_a_job_server_that_does_not_answer_is_told(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    path = write_lines(tmp_path / "in.jsonl", people(1))
    nobody = ["--runner=PortableRunner", "--job_endpoint=localhost:1", "--job_server_timeout=1"]
    ended = muster("enroll", path, *muster.options("run"), "--", *nobody, LOOPBACK)
    assert ended.code == 1
    assert "the job server does not answer; is --job_endpoint right?\n" in ended.stderr


def test_a_runner_without_metrics_is_told(
    muster: Muster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {}  # as it fails within Beam, where Spark's server of one jar has none
    exec(compile("def metrics(self): raise TypeError", "portable_runner.py", "exec"), made)
    monkeypatch.setattr(PipelineResult, "metrics", made["metrics"])
    muster.create()
    path = write_lines(tmp_path / "in.jsonl", people(1))
    flags = ["--runner=PortableRunner", "--job_endpoint=embed", LOOPBACK]
    ended = muster("enroll", path, *muster.options("run"), "--", *flags)
    assert ended.code == 1
    why = "the runner tells no metrics (TypeError), by which the account is checked\n"
    assert why in ended.stderr


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        (["--runner=PrismRunner"], "LOOPBACK"),
        (["--runner=FlinkRunner"], "LOOPBACK"),
        (["--runner=FlinkRunner", "--flink_master=host:8081"], "DOCKER"),
        (["--runner=FlinkRunner", *EXTERNAL], "EXTERNAL"),
        (["--runner=SparkRunner"], "LOOPBACK"),
        (["--runner=SparkRunner", "--spark_master_url=spark://host:7077"], "DOCKER"),
        (["--runner=PortableRunner", "--job_endpoint=host:8099"], "DOCKER"),
        (["--runner=portable", "--job_endpoint=host:8099"], "DOCKER"),
        ([], None),
    ],
)
def test_where_workers_are_is_known_before_the_run(flags: list[str], kind: str | None) -> None:
    options = beam_options(flags, 1)
    assert options.view_as(PortableOptions).environment_type == kind


def test_children_end_where_the_process_is_ended_at_once() -> None:
    """From another thread than the one that started them, as a signal finds it."""
    program = """if True:
        import subprocess
        import threading
        from pipelines.job_servers import end_children
        started = []
        thread = threading.Thread(target=lambda: started.append(subprocess.Popen(["sleep", "60"])))
        thread.start()
        thread.join()
        end_children()
        print(started[0].wait(10))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == f"{-signal.SIGTERM}\n", done.stderr


def test_an_environment_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="--environment_type=CAVE; expected DOCKER, PROCESS, "):
        beam_options(["--runner=PrismRunner", "--environment_type=CAVE"], 1)


def test_a_job_may_take_longer_than_the_server_has_for_its_first_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = []
    monkeypatch.setattr(JobServiceHandle, "run", lambda self, _: limits.append(self.timeout))
    runner = PortableRunner()
    options = beam_options(["--runner=PortableRunner", "--job_endpoint=embed"], 1)
    with job_server_of(runner, options, tmp_path):
        handle = runner.create_job_service(options)
        limits.append(handle.timeout)
        handle.run("job")
    assert limits == [300, None]


def test_a_server_whose_folder_cannot_be_removed_is_ended(tmp_path: Path) -> None:
    """Beam would leave its process behind, and the run would be told as failed."""
    ended = []

    class Server(SubprocessJobServer):
        def start(self) -> None:
            self._local_temp_root = str(tmp_path / "gone")
            self._server = SimpleNamespace(stop=lambda: ended.append(True))

    class Runner(PortableRunner):
        def default_job_server(self, options: Any) -> JobServer:
            return StopOnExitJobServer(Server())

    options = beam_options(["--runner=PrismRunner"], 1)
    with job_server_of(Runner(), options, tmp_path):
        assert not ended
    assert ended == [True]
