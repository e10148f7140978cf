"""What becomes of a command whose stdout or stderr is full, closed, or read by nobody."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.command import Muster, read_records
from tests.payloads import people, portraits, row, write_lines

ALL_TOLD = "finished in "  # the table that ends on stderr
UNREAD = 128 + 13  # as of any program that the system ends by SIGPIPE


def shell(arguments: str, **environment: str) -> SimpleNamespace:
    """Runs `muster` as a user's shell does; code: muster's own, also in front of a pipe."""
    folder = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", f"muster {arguments}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"} | environment,
    )
    return SimpleNamespace(code=done.returncode, stdout=done.stdout, stderr=done.stderr.decode())


@pytest.fixture
def enroll(muster: Muster) -> str:
    muster.create()
    payload = write_lines(muster.folder / "in.jsonl", people(3))
    return shlex.join(["enroll", str(payload), *muster.options("run")])


@pytest.mark.parametrize(
    ("streams", "code", "told"),
    [
        ("| true", 0, True),
        ("> /dev/full", 1, True),
        (">&-", 0, True),
        ("2> /dev/full", 0, False),
        ("-v 2>&-", 0, False),
        ("2>&1 | true", 0, False),
        ("<&- >&- 2>&-", 0, False),
    ],
)
def test_a_run_ends_and_is_recorded(
    muster: Muster, enroll: str, streams: str, code: int, told: bool
) -> None:
    ended = shell(f"{enroll} {streams}")
    assert ended.code == code
    assert (ALL_TOLD in ended.stderr) is told
    assert ended.stderr.endswith(
        "muster: stdout cannot be written: No space left on device\n" if code else ""
    )
    assert len(read_records(muster.folder / "run")) == 3
    assert len(muster.stored("id-0000", "id-0001", "id-0002")) == 3
    assert muster.report("run")["status"] == "finished"


@pytest.mark.parametrize(
    ("streams", "expected"),
    [
        ("| true", (UNREAD, "")),
        ("> /dev/full", (1, "muster: stdout cannot be written: No space left on device\n")),
        ("2> /dev/full", (0, "")),
    ],
)
def test_a_command_whose_answer_cannot_be_told(
    muster: Muster, streams: str, expected: tuple[int, str]
) -> None:
    muster.create()
    ended = shell(f"collections list --store {shlex.quote(muster.store)} {streams}")
    assert (ended.code, ended.stderr) == expected


@pytest.mark.parametrize("streams", ["| true", "> /dev/full", "2> /dev/full"])
def test_a_refusal_is_one_all_the_same(muster: Muster, streams: str) -> None:
    assert shell(f"collections show nobody --store {shlex.quote(muster.store)} {streams}").code == 4


def test_stderr_escapes_what_the_terminal_cannot_show(muster: Muster) -> None:
    ended = shell("collections show Łukasz", PYTHONIOENCODING="latin-1")
    assert ended.code == 4
    assert "'\\u0141ukasz'" in ended.stderr


def test_json_is_utf_8_whatever_the_terminal_takes(muster: Muster) -> None:
    muster.create()
    person = row("P", portraits()[0], person_name="Łukasz")
    assert muster.enroll("run", write_lines(muster.folder / "in.jsonl", [person])).code == 0
    options = f"--collection people --store {shlex.quote(muster.store)}"
    ended = shell(f"persons get P {options}", PYTHONIOENCODING="latin-1")
    assert (ended.code, json.loads(ended.stdout)["person_name"]) == (0, "Łukasz")
