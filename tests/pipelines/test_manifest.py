"""What `manifest.json` tells beside that of the run folder's tests."""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import pytest

from pipelines import manifest
from pipelines.enroll import run
from tests.fakes import NullPack, NullStoreSpec
from tests.payloads import people, write_lines
from tests.pipelines.test_enroll import make_config


def test_a_package_that_another_stands_in_for_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As onnxruntime-gpu stands in for onnxruntime."""
    monkeypatch.setattr(manifest, "_PACKAGES", ("numpy", "no-such-package"))
    write_lines(tmp_path / "in.jsonl", people(1))
    assert run(make_config(tmp_path), NullPack(), NullStoreSpec()).status == "finished"
    told = json.loads((tmp_path / "run" / "manifest.json").read_text())["versions"]
    assert told == {"python": platform.python_version(), "numpy": version("numpy")}
