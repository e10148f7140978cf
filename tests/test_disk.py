"""Disks that are full or read-only, through the real command."""

import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.builders import astronaut
from tests.command import Muster, outcomes, started
from tests.disks import Disk
from tests.payloads import people, row, write_lines
from tests.qdrant_server import QdrantTestServer

MB = 1 << 20
ROWS = 60


def test_the_store_stops_before_its_disk_is_full(
    muster: Muster, tmp_path: Path, disk: Disk
) -> None:
    disk.mount("size=400m")
    muster.store = str(disk.path / "store")
    muster.create()
    photo = astronaut()  # a megabyte in Base64, so that a request holds seven
    (tmp_path / "a.png").write_bytes(photo)
    rows = [row(f"id-{n}", b"", face_base_64=None, face_uri="a.png") for n in range(ROWS)]
    payload = write_lines(tmp_path / "in.jsonl", rows)
    ballast = disk.fill(left=170 * MB)

    ended = muster.enroll("run", payload, storage="StoreFullImage")

    assert ended.code == 1
    report = muster.report("run")
    assert report["status"] == "failed"
    assert "is almost full" in report["error"]
    assert f"the run failed: {report['error']}" in ended.stderr
    account = report["account"]
    assert 0 < account["enrolled"] < ROWS
    assert account["rejected"] == {"ERR_DATABASE_ERROR": account["rows_read"] - account["enrolled"]}
    assert account["rows_read"] + report["rows_not_read"] == ROWS
    told = outcomes(muster.records("run"))
    assert len(told) == account["rows_read"]
    enrolled = {person for person, (code, _) in told.items() if code == "OK"}
    assert muster.stored(*told).keys() == enrolled
    assert disk.free() > 40 * MB  # enough to open it again

    ballast.unlink()
    again = muster.enroll("again", payload, storage="StoreFullImage")
    assert again.code == 0
    assert (again.json["unchanged"], again.json["enrolled"]) == (
        len(enrolled), ROWS - len(enrolled),
    )  # fmt: skip

    disk.fill(left=20 * MB)
    refused = muster.enroll("third", payload, storage="StoreFullImage")
    assert refused.code == 4
    assert refused.json["code"] == "ERR_DATABASE_ERROR"
    assert "is almost full: 20 MB are free" in refused.stderr
    assert not (muster.folder / "third").exists()


RUBBISH: list[Any] = [row(f"bad-{n}", bytes([n]) * 3000) for n in range(100)]
TWINS: list[Any] = [row("twin", b"") for _ in range(300)]


@pytest.mark.parametrize(
    ("rows", "size", "said"),
    [
        pytest.param(RUBBISH, "4k", "cannot be written: No space left", id="results"),
        pytest.param(TWINS, "12k", "database or disk is full", id="losers"),
        pytest.param(RUBBISH, "10m,nr_inodes=2", "cannot be written: No space left", id="manifest"),
    ],
)
def test_a_run_folder_on_a_full_disk_can_be_taken_over(
    muster: Muster,
    tmp_path: Path,
    disk: Disk,
    rows: Sequence[Any],
    size: str,
    said: str,
) -> None:
    disk.mount(f"size={size}")
    muster.create()
    payload = write_lines(tmp_path / "in.jsonl", rows)
    run = str(disk.path / "run")

    ended = muster.enroll(run, payload)

    assert (ended.code, ended.stdout) == (1, "")
    assert said in ended.stderr
    assert not (disk.path / "run" / "report.json").exists()

    disk.remount("size=10m,nr_inodes=100")
    again = muster.enroll(run, payload)
    assert again.code == 0, again.stderr
    assert again.json["rows_read"] == len(rows) == len(muster.records(run))
    left = {each.name for each in (disk.path / "run").iterdir()}
    assert left == {".lock", "manifest.json", "report.json", "results"}
    assert not [*(disk.path / "run").rglob("*.partial")]


def test_a_full_disk_is_told_by_every_command(muster: Muster, disk: Disk) -> None:
    disk.mount("size=100k")
    ended = muster("sample", disk.path / "sample")
    assert ended.code == 1
    assert ended.stderr.startswith("muster: No space left on device: OSError at ")
    assert [*(disk.path / "sample").iterdir()] == []


def test_a_disk_that_the_rejected_rows_fill_is_told(
    muster: Muster, tmp_path: Path, disk: Disk
) -> None:
    """Whether the report still fits depends on when the broken pipeline lets its files go."""
    disk.mount("size=200k")
    muster.create()
    payload = write_lines(tmp_path / "in.jsonl", RUBBISH)
    ended = muster.enroll(str(disk.path / "run"), payload, "--keep-rejected")
    assert ended.code == 1
    assert "No space left on device" in ended.stderr
    disk.remount("size=10m")
    again = muster.enroll(str(disk.path / "again"), payload, "--keep-rejected")
    assert (again.code, again.json["rows_read"]) == (0, len(RUBBISH))
    kept = b"".join(each.read_bytes() for each in (disk.path / "again" / "rejected").iterdir())
    assert sorted(kept.splitlines()) == sorted(payload.read_bytes().splitlines())


def test_a_report_tells_what_the_system_refused(muster: Muster, tmp_path: Path) -> None:
    payload = write_lines(tmp_path / "in.jsonl", [b"rubbish"] * 200)
    with QdrantTestServer(tmp_path / "server") as server:
        muster.store = server.url
        muster.create()
        with started("enroll", payload, *muster.options("run")) as process:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (8192, 8192))
            _, stderr = process.communicate()
        assert process.returncode == 1
        assert "the run failed: File too large (in WriteResults)" in stderr
        report = muster.report("run")
        assert (report["status"], report["error"]) == ("failed", "File too large (in WriteResults)")
        assert muster.enroll("again", payload).code == 0


def test_what_is_read_only_is_told(muster: Muster, tmp_path: Path, disk: Disk) -> None:
    disk.mount("size=200m")
    payload = write_lines(tmp_path / "in.jsonl", people(1))
    muster.store = str(disk.path / "store")
    muster.create()
    disk.remount("ro")

    run = muster.enroll(str(disk.path / "run"), payload)
    assert (run.code, run.stdout) == (2, "")
    assert f"cannot be written: {disk.path} is not writable" in run.stderr

    store = muster.enroll("run", payload)
    assert (store.code, store.json["code"]) == (4, "ERR_DATABASE_ERROR")
    assert "Read-only file system" in store.stderr
    assert not (muster.folder / "run").exists()


def test_a_second_run_on_one_embedded_store_is_told_at_once(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    payload = write_lines(tmp_path / "in.jsonl", people(64))
    with started("enroll", payload, *muster.options("first")) as process:
        while not any((muster.folder / "first").glob(".run-*/results/beam-temp*")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        began = time.monotonic()
        second = muster.enroll("second", payload)
        seconds = time.monotonic() - began
        _, stderr = process.communicate()
    assert second.code == 4
    assert second.json["code"] == "ERR_DATABASE_ERROR"
    assert "is in use by another process; wait for it, or stop it" in second.stderr
    assert seconds < 10
    assert not (muster.folder / "second").exists()
    assert process.returncode == 0, stderr  # the first does not notice
