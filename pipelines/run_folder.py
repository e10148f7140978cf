"""The run folder: all that a run leaves behind, and the lock that keeps two runs apart."""

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.workplace import REJECTED, RESULTS, Workplace, workplaces
from schemas.errors import FailedError, UsageError

MANIFEST = "manifest.json"
REPORT = "report.json"
LOCK = ".lock"

_BEFORE_MANIFEST = {LOCK, f".{MANIFEST}.partial"}
_KEYS = {"inputs", "options", "pack", "store"}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG}
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder that this run holds."""

    path: Path
    taken_over: bool

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Writes `manifest.json`, the first file, and makes room for results."""
        with _writing(self.path):
            write_json(self.path / MANIFEST, manifest)
            (self.path / RESULTS).mkdir(mode=0o700)

    def keep_rejected(self) -> None:
        """Makes room for the rows that are rejected."""
        with _writing(self.path):
            (self.path / REJECTED).mkdir(mode=0o700)

    @contextmanager
    def worked_in(self, workplace: Workplace) -> Iterator[None]:
        """Makes the workplace for the block; what is whole in it afterwards is the run's."""
        with _writing(self.path):
            workplace.make()
        yield
        with _writing(self.path):
            workplace.hand_over()

    def write_report(self, report: Mapping[str, Any]) -> None:
        """Writes `report.json`, the last file: from here on the run is over."""
        with _writing(self.path):
            for each in workplaces(self.path):
                shutil.rmtree(each, ignore_errors=True)  # where it broke, workers may still write
            write_json(self.path / REPORT, report)


def check_free(path: Path) -> None:
    """Raises UsageError for a finished run and for what is no run's, FailedError for one in use."""
    with _writing(path):
        if path.exists() and not path.is_dir():
            raise UsageError(
                f"--run-dir {path}: is a file; expected a folder, which may not exist yet"
            )
        above = next(each for each in (path, *path.absolute().parents) if each.exists())
    if path.is_symlink() and above != path:
        raise UsageError(f"--run-dir {path}: is a link to nothing; expected a folder, or no file")
    if not above.is_dir():
        raise UsageError(f"--run-dir {path}: cannot be made: {above} is a file")
    if not os.access(above, os.W_OK):
        raise UsageError(f"--run-dir {path}: cannot be written: {above} is not writable")
    if not path.exists():
        return
    _check_contents(path)
    if (path / LOCK).exists():
        with _locked(path):
            pass


def _check_contents(path: Path) -> None:
    """Raises UsageError for a finished run and for what is no run's."""
    entries = {each.name for each in path.iterdir()}
    if not entries <= _BEFORE_MANIFEST and not _is_run(path):
        stranger = min(entries - _BEFORE_MANIFEST)
        raise UsageError(
            f"--run-dir {path}: holds files of something else ({stranger}); name a new or an "
            "empty folder"
        )
    if REPORT in entries:
        raise UsageError(
            f"--run-dir {path}: holds a finished run ({REPORT}); name a new folder for this run"
        )


def _is_run(path: Path) -> bool:
    """True where a run of ours was: its lock is there, and its manifest."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return (path / LOCK).exists() and isinstance(manifest, dict) and manifest.keys() >= _KEYS


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Tells what the disk says no to: UsageError where it may not be written, else FailedError."""
    try:
        yield
    except OSError as error:
        why = f"--run-dir {path}: cannot be written: {error.strerror}"
        if error.errno in _DENIED:
            raise UsageError(why) from error
        first = "make room, then " if error.errno in _FULL else ""
        raise FailedError(
            f"{why}; the run is unfinished: {first}give the same command again"
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with _writing(path):
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FailedError(
                f"--run-dir {path}: another run is using it; wait for it, or name a new folder"
            ) from error
        yield
    finally:
        os.close(lock)


@contextmanager
def claimed(path: Path) -> Iterator[RunFolder]:
    """Makes or takes over the folder and holds its lock for the block.

    Raises UsageError and FailedError as `check_free` does, and where the disk says no.
    """
    check_free(path)  # before anything of somebody else's is touched
    with _writing(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    with _locked(path):
        _check_contents(path)  # again: it may have been finished meanwhile
        taken_over = _is_run(path)
        if taken_over:
            with _writing(path):
                _clear(path)
        yield RunFolder(path, taken_over)


def _clear(path: Path) -> None:
    """Removes what the dead run wrote: all is read again."""
    for leftover in (path / RESULTS, path / REJECTED, *workplaces(path)):
        if leftover.exists():
            shutil.rmtree(leftover)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Writes the file whole or not at all, readable by its owner only."""
    partial = path.with_name(f".{path.name}.partial")
    private = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(private, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
