"""A run's folder through the real command: finished, in use, killed, taken over, cancelled."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.command import Muster, outcomes, read_records, started
from tests.payloads import people, write_lines
from tests.qdrant_server import QdrantTestServer
from transforms.worker import cores

ROWS = 200 * max(2, cores())  # so that a run takes seconds on any machine


@pytest.fixture
def payload(muster: Muster, tmp_path: Path) -> Path:
    muster.create()
    return write_lines(tmp_path / "in.jsonl", people(ROWS))


def wait_until_enrolling(process: subprocess.Popen[str], run: Path) -> None:
    """Waits until the pipeline has opened its result files, and a little longer."""
    deadline = time.monotonic() + 60
    while not any(run.glob(".run-*/results/beam-temp*/*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)


def test_finished_is_refused(muster: Muster, payload: Path) -> None:
    small = write_lines(payload.with_name("small.jsonl"), [b"rubbish"])
    assert muster.enroll("run", small).code == 0
    before = sorted((muster.folder / "run").rglob("*"))
    ended = muster.enroll("run", small)
    assert (ended.code, ended.stdout) == (2, "")
    assert "report.json" in ended.stderr
    assert sorted((muster.folder / "run").rglob("*")) == before


def test_killed_is_taken_over(muster: Muster, payload: Path) -> None:
    run = muster.folder / "run"
    with started("enroll", payload, *muster.options("run")) as process:
        wait_until_enrolling(process, run)
        process.kill()
        process.wait()
    assert (run / "manifest.json").exists()
    assert not (run / "report.json").exists()

    ended = muster.enroll("run", payload)

    assert ended.code == 0, ended.stderr
    assert ended.json["enrolled"] + ended.json["unchanged"] == ended.json["rows_read"] == ROWS
    assert len(outcomes(muster.records("run"))) == len(muster.records("run")) == ROWS
    assert sorted(each.name for each in run.iterdir()) == [
        ".lock", "manifest.json", "report.json", "results",
    ]  # fmt: skip
    assert all(each.suffix == ".jsonl" for each in (run / "results").iterdir())


def test_in_use_is_refused(muster: Muster, payload: Path) -> None:
    run = muster.folder / "run"
    with started("enroll", payload, *muster.options("run")) as process:
        wait_until_enrolling(process, run)
        ended = muster.enroll("run", payload)
    assert (ended.code, ended.stdout) == (1, "")
    assert "another run is using it" in ended.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_in_order(
    muster: Muster, payload: Path, number: signal.Signals, code: int
) -> None:
    run = muster.folder / "run"
    with started("enroll", payload, *muster.options("run")) as process:
        wait_until_enrolling(process, run)
        began = time.monotonic()
        process.send_signal(number)
        process.wait(timeout=30)
        seconds = time.monotonic() - began
    assert process.returncode == code
    assert seconds < 5
    report = muster.report("run")
    assert report["status"] == "cancelled"
    records = read_records(run)
    assert len(records) == report["account"]["rows_read"] == ROWS - report["rows_not_read"] > 0
    recorded = [each["metadata"]["person_id"] for each in records if each["code"] == "OK"]
    assert set(muster.stored(*recorded)) == set(recorded)

    rest = muster.enroll("rest", payload).json

    assert rest["rows_read"] == ROWS
    assert rest["unchanged"] >= len(recorded)
    assert rest["enrolled"] + rest["unchanged"] == ROWS


def test_a_signal_ends_it_in_order_though_nobody_reads_stderr(
    muster: Muster, payload: Path
) -> None:
    """As where `2>&1 | tee log` gets the same Ctrl-C, and ends first."""
    with started("enroll", payload, *muster.options("run")) as process:
        wait_until_enrolling(process, muster.folder / "run")
        assert process.stderr is not None
        process.stderr.close()
        process.stderr = None
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    assert process.returncode == 130
    report = muster.report("run")
    assert report["status"] == "cancelled"
    recorded = [each["metadata"]["person_id"] for each in muster.records("run")]
    assert len(recorded) == report["account"]["rows_read"] > 0
    assert set(muster.stored(*(f"id-{n:04}" for n in range(ROWS)))) <= set(recorded)


def test_a_signal_ends_it_in_order_though_stderr_stands_still(
    muster: Muster, payload: Path
) -> None:
    """As a terminal does after Ctrl-S, or a pipe that nobody empties."""
    unread, full = os.pipe()
    os.set_blocking(full, False)
    with suppress(BlockingIOError):
        while True:
            os.write(full, bytes(1000))
    os.set_blocking(full, True)
    with started("enroll", payload, *muster.options("run"), stderr=full) as process:
        wait_until_enrolling(process, muster.folder / "run")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    os.close(unread)
    os.close(full)
    assert process.returncode == 143
    assert muster.report("run")["status"] == "cancelled"


def test_a_signal_that_whoever_started_it_ignores_is_ignored(muster: Muster, payload: Path) -> None:
    """As a shell does for what it starts with `&` in a script."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with started("enroll", payload, *muster.options("run")) as process:
            wait_until_enrolling(process, muster.folder / "run")
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.returncode == 0
    assert muster.report("run")["account"]["enrolled"] == ROWS


def test_everything_is_private(muster: Muster, payload: Path) -> None:
    small = write_lines(payload.with_name("small.jsonl"), people(2))
    assert muster.enroll("run", small, storage="StoreFullImage").code == 0
    for top in (muster.folder / "run", Path(muster.store)):
        for path in (top, *top.rglob("*")):
            mode = os.stat(path).st_mode & 0o777
            assert mode == (0o700 if path.is_dir() else 0o600), path
    written = "".join(each.read_text() for each in (muster.folder / "run").rglob("*.json*"))
    assert "Name of" not in written
    assert "blue" not in written


class Hangs:
    """A server that takes long to answer one kind of request. met: whether it was asked."""

    def __init__(self, method: str, end: str) -> None:
        self._method, self._end, self.met = method, end, threading.Event()

    def __call__(self, method: str, path: str) -> None:
        if method == self._method and path.endswith(self._end):
            self.met.set()
            time.sleep(20)


@pytest.fixture
def server(muster: Muster, tmp_path: Path) -> Iterator[QdrantTestServer]:
    """Has the command use a server, with the collection."""
    with QdrantTestServer(tmp_path / "server") as server:
        muster.store = server.url
        muster.create()
        yield server


def test_a_second_signal_ends_it_at_once(
    muster: Muster, server: QdrantTestServer, tmp_path: Path
) -> None:
    payload = write_lines(tmp_path / "in.jsonl", people(200))
    server.fail_with = hangs = Hangs("PUT", "/points")
    with started("enroll", payload, "--quiet", *muster.options("run")) as process:
        assert hangs.met.wait(60)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "stopping" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
        assert process.stderr.readline() == "muster: stopped; the run is unfinished\n"
    assert process.returncode == 130
    assert not (muster.folder / "run" / "report.json").exists()

    server.fail_with = None
    again = muster.enroll("run", payload)

    assert again.code == 0, again.stderr
    assert again.json["rows_read"] == len(muster.records("run")) == 200


@pytest.mark.parametrize("mode", ["enroll", "dry_run"])
def test_a_signal_before_any_row_is_enrolled_leaves_nothing(
    muster: Muster, server: QdrantTestServer, tmp_path: Path, mode: str
) -> None:
    """A run waits for the collection here, a dry run for a look-up, with its ids on the disk."""
    payload = write_lines(tmp_path / "in.jsonl", [*people(2), *people(2)])
    server.fail_with = hangs = Hangs(
        *{"enroll": ("GET", "/people"), "dry_run": ("POST", "/points")}[mode]
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    given = ["enroll", payload, *muster.options("run"), *["--dry-run"] * (mode == "dry_run")]
    with started(*given, TMPDIR=str(temporary)) as process:
        assert hangs.met.wait(60)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    assert process.returncode == 143
    assert list(temporary.iterdir()) == []
    assert not (muster.folder / "run").exists()


def test_a_signal_ends_it_although_the_server_hangs(
    muster: Muster, server: QdrantTestServer, tmp_path: Path
) -> None:
    payload = write_lines(tmp_path / "in.jsonl", people(200))
    server.fail_with = hangs = Hangs("PUT", "/points")
    with started("enroll", payload, *muster.options("run")) as process:
        assert hangs.met.wait(60)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        seconds = time.monotonic() - began
    assert seconds < 9
    assert process.returncode == 1  # what was sent and not answered is not enrolled
    report = muster.report("run")
    assert report["status"] == "failed"
    assert set(report["codes"]) == {"ERR_DATABASE_ERROR"}
    assert len(muster.records("run")) == report["account"]["rows_read"]
