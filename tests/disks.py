"""Small disks of memory, to fill them up. Mounting takes rights that not every machine gives."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Disk:
    """A tmpfs. path: where it is mounted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mount(self, options: str) -> None:
        """Mounts it; skips the test where that is not allowed."""
        self.path.mkdir()
        if _mount("-t", "tmpfs", "-o", options, "tmpfs", self.path).returncode != 0:
            pytest.skip("needs the right to mount a tmpfs")

    def remount(self, options: str) -> None:
        """Changes it while it is mounted."""
        assert _mount("-o", f"remount,{options}", self.path).returncode == 0

    def fill(self, left: int) -> Path:
        """Makes a file that leaves so many bytes free, and gives it."""
        ballast = self.path / "ballast"
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.free() - left)
        return ballast

    def free(self) -> int:
        """How many bytes are free."""
        return shutil.disk_usage(self.path).free


@contextmanager
def unmounted_afterwards(path: Path) -> Iterator[Disk]:
    """Gives a disk that is not mounted yet."""
    try:
        yield Disk(path)
    finally:  # lazily: what broke may still hold its files
        if shutil.which("umount"):
            subprocess.run(["umount", "--lazy", path], capture_output=True, check=False)


def _mount(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    if shutil.which("mount") is None:
        pytest.skip("needs the program mount")
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True, check=False)
