"""The same job on Beam's portable runner: workers in this process, and in others."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.command import Muster, outcomes, started
from tests.job_server import job_server
from tests.payloads import group_photo, people, row, write_lines
from tests.qdrant_server import QdrantTestServer

PORTABLE = ["--", "--runner=PortableRunner"]


@dataclass(frozen=True)
class Pool:
    """A process that starts workers when a job asks it to."""

    port: int
    log: Path

    @property
    def started(self) -> int:
        """How many workers it has started."""
        return self.log.read_text().count("Starting worker with command")


@contextmanager
def worker_pool(log: Path, cwd: Path = Path("/")) -> Iterator[Pool]:
    """Starts a pool as a machine of a cluster would have it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    # A pool starts `python` from its PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    module = "apache_beam.runners.worker.worker_pool_main"
    command = [sys.executable, "-m", module, f"--service_port={port}"]
    with (
        log.open("w") as file,
        subprocess.Popen(
            command, cwd=cwd, env={**os.environ, "PATH": path}, stderr=file
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 60
            while _refused(port):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield Pool(port, log)
        finally:
            process.terminate()


def _refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    rows = [*people(140), row("six", group_photo()), b"rubbish"]
    return write_lines(tmp_path / "in.jsonl", rows)


def test_other_workers_same_outcome(muster: Muster, payload: Path, tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    with (
        QdrantTestServer(tmp_path / "server") as server,
        worker_pool(tmp_path / "pool1") as one,
        worker_pool(tmp_path / "pool2") as two,
        job_server() as endpoint,
    ):
        muster.store = server.url
        external = f"--environment_type=EXTERNAL --environment_config=localhost:{one.port}"
        cluster = f"{external},localhost:{two.port} --job_endpoint={endpoint}"
        for name, beam in (
            ("local", []),
            ("loopback", [*PORTABLE, "--job_endpoint=embed", "--environment_type=LOOPBACK"]),
            ("external", [*PORTABLE, "--job_endpoint=embed", *external.split()]),
            ("cluster", [*PORTABLE, *cluster.split()]),
        ):
            muster.create()
            arguments = ["enroll", payload, *muster.options(name), "--workers", "2", *beam]
            with started(*arguments) as process:
                _, told = process.communicate(timeout=120)
            assert process.returncode == 0, told
            records = muster.records(name)
            bad = [each for each in records if "person_id" not in each["metadata"]]
            good = outcomes([each for each in records if each not in bad])
            found[name] = (good, len(bad), muster.stored(*good))
            assert muster.report(name)["account"]["rows_read"] == 142
            written = (muster.folder / name).rglob("*")
            assert {each.stat().st_mode & 0o077 for each in written} == {0}
            muster("collections", "delete", "people", "--yes", "--store", server.url)
        assert (one.started, two.started) == (2, 1)  # `external` used the first alone
    outcome, bad_rows, vectors = found["local"]
    assert bad_rows == 1
    assert outcome["six"] == ("ERR_MULTIPLE_FACES", "6")
    assert len(vectors) == 140
    for other_outcome, other_bad, other_vectors in found.values():
        assert (other_outcome, other_bad) == (outcome, bad_rows)
        assert other_vectors.keys() == vectors.keys()
        for person_id, point in other_vectors.items():
            assert float(point.vector @ vectors[person_id].vector) > 0.9999


def test_a_stop_reaches_other_processes(muster: Muster, payload: Path, tmp_path: Path) -> None:
    """Through a file in the run folder; what was acknowledged is recorded."""
    with QdrantTestServer(tmp_path / "server") as server, worker_pool(tmp_path / "log") as pool:
        muster.store = server.url
        muster.create()
        external = f"--environment_type=EXTERNAL --environment_config=localhost:{pool.port}"
        beam = [*PORTABLE, "--job_endpoint=embed", *external.split()]
        with started("enroll", payload, payload_again(payload), *muster.options("run"), *beam) as (
            process
        ):
            wait_for_records(muster.folder / "run")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
        assert process.returncode == 130
        report = muster.report("run")
        assert report["status"] == "cancelled"
        assert report["rows_not_read"] > 0
        records = muster.records("run")
        assert len(records) == report["account"]["rows_read"] > 0
        recorded = [each["metadata"]["person_id"] for each in records if each["code"] == "OK"]
        assert set(muster.stored(*recorded)) == set(recorded)
    assert not [*(muster.folder / "run").glob(".run-*")]


def test_a_job_that_outlives_its_launcher_ends_once_another_run_has_its_folder(
    muster: Muster, payload: Path, tmp_path: Path
) -> None:
    """On a cluster it goes on after the process that started it was killed."""
    held, over = threading.Event(), threading.Event()
    writes: list[float] = []

    def hold(method: str, path: str) -> None:
        if method == "PUT" and path.endswith("/points"):
            held.set()
            over.wait(60)
            writes.append(time.monotonic())

    with (
        QdrantTestServer(tmp_path / "server") as server,
        worker_pool(tmp_path / "pool") as pool,
        job_server() as endpoint,
    ):
        muster.store = server.url
        muster.create()
        server.fail_with = hold
        external = f"--environment_type=EXTERNAL --environment_config=localhost:{pool.port}"
        cluster = [*PORTABLE, f"--job_endpoint={endpoint}", *external.split()]
        many = payload_again(payload)
        with started("enroll", many, *muster.options("run"), *cluster) as process:
            assert held.wait(60)
            process.kill()
            process.wait()
        server.fail_with = None
        ended = muster.enroll("run", payload)
        assert (ended.code, ended.json["rows_read"]) == (0, 142), ended.stderr
        records = muster.records("run")
        server.fail_with = hold
        over.set()
        while not writes or time.monotonic() < writes[-1] + 3:
            time.sleep(0.1)
    assert len(writes) <= 4  # two workers, and what each had read; all would be ten
    assert muster.records("run") == records
    assert len(records) == 142


def test_workers_without_the_run_folder_end_the_run(
    muster: Muster, payload: Path, tmp_path: Path
) -> None:
    """Also under a limit: nothing that they leave unread may pass for the end of the input."""
    (elsewhere := tmp_path / "elsewhere").mkdir()
    with (
        QdrantTestServer(tmp_path / "server") as server,
        worker_pool(tmp_path / "pool", elsewhere) as pool,
    ):
        muster.store = server.url
        muster.create()
        *most, _ = muster.options("")
        external = f"--environment_type=EXTERNAL --environment_config=localhost:{pool.port}"
        beam = [*PORTABLE, "--job_endpoint=embed", *external.split()]
        arguments = ["enroll", payload, *most, "/proc/self/cwd/run", "--limit", "3", *beam]
        with started(*arguments, cwd=tmp_path) as process:
            process.communicate(timeout=120)
    assert process.returncode == 1
    assert muster.report("run")["error"] == (
        "a worker elsewhere cannot use the run folder: No such file or directory; expected it "
        "there under the same path, on a disk that all mount, and workers of the same user"
    )


def payload_again(path: Path) -> Path:
    """Gives many more people, so that a stop comes before the end."""
    return write_lines(path.with_name("more.jsonl"), people(600)[140:])


def wait_for_records(run: Path) -> None:
    deadline = time.monotonic() + 60
    while not any(run.glob(".run-*/results/beam-temp*/*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_second_run_finds_all_unchanged(muster: Muster, tmp_path: Path) -> None:
    """Stages that have nothing to do count nothing."""
    muster.create()
    payload = write_lines(tmp_path / "in.jsonl", people(3))
    beam = [*PORTABLE, "--job_endpoint=embed", "--environment_type=LOOPBACK"]
    for run, action in (("first", "enrolled"), ("second", "unchanged")):
        ended = muster("enroll", payload, *muster.options(run), *beam)
        assert (ended.code, ended.json[action]) == (0, 3), ended.stderr


@pytest.mark.parametrize("name", ["DirectRunner", "direct"])
def test_direct_runner_gives_the_same(muster: Muster, payload: Path, name: str) -> None:
    muster.create()
    ended = muster("enroll", payload, *muster.options("run"), "--", f"--runner={name}")
    assert ended.code == 0, ended.stderr
    assert ended.json == {
        "rows_read": 142,
        "enrolled": 140,
        "updated": 0,
        "unchanged": 0,
        "rejected": {"ERR_MULTIPLE_FACES": 1, "ERR_UNPROCESSABLE_CONTENT": 1},
    }
