import errno
import json
import os
import stat
from pathlib import Path

import pytest

from pipelines.run_folder import check_free, claimed, write_json
from pipelines.workplace import Workplace
from schemas.errors import FailedError, UsageError

MANIFEST = {"inputs": [], "options": {}, "pack": {}, "store": {}}


@pytest.fixture
def run(tmp_path):
    return tmp_path / "runs" / "1"


@pytest.fixture
def stranger(run):
    """A folder of somebody else's."""
    run.mkdir(parents=True, mode=0o755)
    (run / "thesis.tex").write_text("precious")
    return run


def content(folder):
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*"))


def mode(path):
    return stat.S_IMODE(Path(path).stat().st_mode)


def crashed(run):
    """Leaves what a killed run leaves."""
    with claimed(run) as folder:
        folder.write_manifest(MANIFEST)
        (run / "results" / "results-00000-of-00001.jsonl").write_text("old\n")
        (run / "results" / "beam-temp").mkdir()
        (run / "rejected").mkdir()
        (run / "rejected" / "rows.jsonl").write_text("old\n")


def refusal(run):
    """Why the folder is refused, by both that look at it."""
    with pytest.raises(UsageError) as first:
        check_free(run)
    with pytest.raises(UsageError) as second, claimed(run):
        pass
    assert str(first.value) == str(second.value)
    return str(first.value).removeprefix(f"--run-dir {run}: ")


def test_a_fresh_folder(run):
    check_free(run)
    with claimed(run) as folder:
        assert folder.path == run
        assert folder.taken_over is False
        assert content(run) == [".lock"]
        folder.write_manifest(MANIFEST)
        folder.write_report({"status": "finished", "name": "Zoë"})
    assert content(run) == [".lock", "manifest.json", "report.json", "results"]
    assert json.loads((run / "manifest.json").read_text()) == MANIFEST
    assert (run / "report.json").read_text(encoding="utf-8") == (
        '{\n  "status": "finished",\n  "name": "Zoë"\n}\n'
    )


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_nobody_else_may_look_into_it(run, umask):
    before = os.umask(umask)
    try:
        with claimed(run) as folder:
            folder.write_manifest(MANIFEST)
            folder.write_report({})
    finally:
        os.umask(before)
    assert mode(run) == mode(run / "results") == 0o700
    assert {mode(run / each) for each in (".lock", "manifest.json", "report.json")} == {0o600}


def test_an_empty_folder_that_is_there_becomes_private(run):
    run.mkdir(parents=True, mode=0o755)
    with claimed(run) as folder:
        assert folder.taken_over is False
        assert mode(run) == 0o700


def test_a_finished_run_is_refused(run):
    with claimed(run) as folder:
        folder.write_manifest(MANIFEST)
        folder.write_report({})
    assert refusal(run) == "holds a finished run (report.json); name a new folder for this run"
    assert content(run) == [".lock", "manifest.json", "report.json", "results"]


def test_one_in_use_is_refused(run):
    with claimed(run) as folder:
        folder.write_manifest(MANIFEST)
        (run / "results" / "results-00000-of-00001.jsonl").write_text("new\n")
        with pytest.raises(FailedError, match="another run is using it"):
            check_free(run)
        with pytest.raises(FailedError, match="another run is using it") as refused, claimed(run):
            pass
        assert str(refused.value) == (
            f"--run-dir {run}: another run is using it; wait for it, or name a new folder"
        )
        assert "results/results-00000-of-00001.jsonl" in content(run)


def test_the_lock_is_given_back(run):
    with pytest.raises(ZeroDivisionError), claimed(run):
        raise ZeroDivisionError
    with claimed(run) as folder:
        assert folder.taken_over is False  # it had no manifest yet


def test_an_unfinished_one_is_taken_over(run):
    crashed(run)
    Workplace(run).make()
    check_free(run)
    with claimed(run) as folder:
        assert folder.taken_over is True
        assert content(run) == [".lock", "manifest.json"]


def test_what_is_whole_in_the_workplace_is_the_runs(run):
    with claimed(run) as folder:
        folder.write_manifest(MANIFEST)
        folder.keep_rejected()
        workplace = Workplace(run)
        with folder.worked_in(workplace):
            Path(f"{workplace.results_prefix}-00000-of-00001.jsonl").touch()
            Path(workplace.path / "results" / "beam-temp").mkdir()
            for each in ("a.parquet", "b.parquet.partial"):
                (workplace.rejected / each).touch()
            workplace.losers.touch()
            Path(workplace.stop_marker).touch()
        folder.write_report({})
    assert content(run) == [
        ".lock",
        "manifest.json",
        "rejected",
        "rejected/a.parquet",
        "report.json",
        "results",
        "results/results-00000-of-00001.jsonl",
    ]


def test_of_a_block_that_fails_nothing_is_the_runs(run):
    workplace = Workplace(run)

    def fails(folder):
        folder.write_manifest(MANIFEST)
        with folder.worked_in(workplace):
            Path(f"{workplace.results_prefix}-00000-of-00001.jsonl").touch()
            raise ZeroDivisionError

    with claimed(run) as folder, pytest.raises(ZeroDivisionError):
        fails(folder)
    assert not [*(run / "results").iterdir()]


def test_what_another_runs_workers_write_is_not_this_runs(run):
    crashed(run)
    dead = Workplace(run)
    dead.make()
    with claimed(run) as folder:
        assert not dead.path.exists()
        folder.write_manifest(MANIFEST)
        with folder.worked_in(Workplace(run)):
            dead.make()  # as Beam does
            Path(f"{dead.results_prefix}-00000-of-00001.jsonl").touch()
        folder.write_report({})
    assert content(run) == [".lock", "manifest.json", "report.json", "results"]


def test_what_a_run_leaves_that_died_at_once_is_taken_over(run):
    run.mkdir(parents=True)
    (run / ".lock").touch()
    (run / ".manifest.json.partial").write_text("{")
    with claimed(run) as folder:
        assert folder.taken_over is False
        folder.write_manifest(MANIFEST)
    assert content(run) == [".lock", "manifest.json", "results"]


def test_a_folder_of_something_else_is_refused_and_left_alone(stranger):
    before = mode(stranger)
    assert refusal(stranger) == (
        "holds files of something else (thesis.tex); name a new or an empty folder"
    )
    assert content(stranger) == ["thesis.tex"]
    assert mode(stranger) == before


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(["results/thesis.txt"], id="results of something else"),
        pytest.param(["manifest.json", "results/data.csv", "src/a.js"], id="its own manifest"),
        pytest.param([".lock", "manifest.json", "results/data.csv"], id="its own lock too"),
    ],
)
def test_what_only_looks_like_a_run_is_left_alone(run, files):
    for each in files:
        (run / each).parent.mkdir(parents=True, exist_ok=True)
        (run / each).write_text('{"name": "app"}')
    before = content(run), mode(run)
    assert refusal(run).startswith("holds files of something else (")
    assert (content(run), mode(run)) == before


def test_a_report_for_which_there_is_no_room_leaves_the_run_unfinished(disk):
    disk.mount("size=8k")
    run = disk.path / "run"
    with claimed(run) as folder:
        folder.write_manifest(MANIFEST)
        (run / "results" / "results-00000-of-00001.jsonl").write_text("{}\n")
        with pytest.raises(FailedError) as told:
            folder.write_report({"status": "finished"})
    assert str(told.value) == (
        f"--run-dir {run}: cannot be written: No space left on device; the run is unfinished: "
        "make room, then give the same command again"
    )
    disk.remount("size=1m")
    with claimed(run) as folder:
        assert folder.taken_over is True
        folder.write_manifest(MANIFEST)
        folder.write_report({})
    assert content(run) == [".lock", "manifest.json", "report.json", "results"]


def test_a_dead_run_that_cannot_be_cleared_is_told(run, monkeypatch):
    crashed(run)

    def denied(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pipelines.run_folder.shutil.rmtree", denied)
    with pytest.raises(UsageError, match="cannot be written: Permission denied"), claimed(run):
        pass


def test_a_file_is_refused(run):
    run.parent.mkdir()
    run.write_text("")
    assert refusal(run) == "is a file; expected a folder, which may not exist yet"


def test_a_link_to_nothing_is_refused(run):
    run.parent.mkdir()
    run.symlink_to("nowhere")
    assert refusal(run) == "is a link to nothing; expected a folder, or no file"


def test_a_folder_below_a_file_is_refused(run):
    run.parent.mkdir()
    run.write_text("")
    assert refusal(run / "below" / "it") == f"cannot be made: {run} is a file"


def test_a_name_too_long_is_refused(run):
    with pytest.raises(UsageError, match="cannot be written: File name too long"):
        claimed(run / ("a" * 300)).__enter__()


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "report.json"
    write_json(path, {"old": True})
    with pytest.raises(TypeError):
        write_json(path, {"new": object()})
    assert json.loads(path.read_text()) == {"old": True}
