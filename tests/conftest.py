"""Fixtures that every folder uses."""

from pathlib import Path

import hypothesis
import pytest

from tests.command import Muster

# A busy machine is no failure: whole tests have a timeout, single examples none.
hypothesis.settings.register_profile("muster", deadline=None)
hypothesis.settings.load_profile("muster")


@pytest.fixture
def muster(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Muster:
    """The command with a store and run folders of this test alone."""
    return Muster(capfd, tmp_path)


@pytest.fixture
def shared_data() -> Path:
    """The developers' real photos; a fresh user's machine has none."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the developers' photos in ../shared/data")
    return folder
