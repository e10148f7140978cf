"""Fixtures that every folder uses."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.builders import COMPRESS
from tests.command import Muster
from tests.disks import Disk, unmounted_afterwards
from transforms.worker import cores

# What whoever runs the tests has set for commands of their own.
for name in [*os.environ]:
    if name.startswith("MUSTER_") or name.lower() in ("http_proxy", "https_proxy", "all_proxy"):
        del os.environ[name]

# What is started with `&` in a script ignores it, and so would the commands that get it here.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no failure: whole tests have a timeout, single examples none.
hypothesis.settings.register_profile("muster", deadline=None)
hypothesis.settings.load_profile("muster")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, up to four: many tests wait for a process or a clock."""
    return min(4, cores() + 1)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """That of most users: what is private must be so by the command's own doing."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def muster(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Muster:
    """The command with a store and run folders of this test alone."""
    return Muster(capfd, tmp_path)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small disk of this test alone, which the test mounts."""
    with unmounted_afterwards(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes lines to a JSONL file of the suffix, and gives its path."""

    def write_lines(*lines: bytes, suffix: str = ".jsonl") -> str:
        path = tmp_path / f"in{suffix}"
        path.write_bytes(COMPRESS[suffix](b"".join(line + b"\n" for line in lines)))
        return str(path)

    return write_lines


@pytest.fixture
def shared_data() -> Path:
    """The developers' real photos; a fresh user's machine has none."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the developers' photos in ../shared/data")
    return folder
