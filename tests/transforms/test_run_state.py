"""What makes a worker stop that is not in the launcher's process."""

import os
import time
from pathlib import Path

import pytest

from pipelines.workplace import Workplace
from transforms import run_state
from transforms.run_state import ALIVE, CANNOT_JOIN, RunState


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setattr(run_state, "_LOOK_EVERY_S", -1.0)
    made = Workplace(tmp_path)
    made.make()
    return made


def worker_of(workplace: Workplace) -> RunState:
    worker = RunState()
    worker.join(workplace.stop_marker)
    return worker


def test_it_goes_on_while_it_hears_of_the_launcher(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_state, "_PATIENCE_S", 0.3)
    worker = worker_of(workplace)
    for number in range(5):
        (workplace.path / ALIVE).write_text(f"{number}")
        assert not worker.stopping
        time.sleep(0.1)


def test_it_stops_where_it_hears_no_more(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_state, "_PATIENCE_S", 0.1)
    worker = worker_of(workplace)
    assert not worker.stopping
    time.sleep(0.2)
    assert worker.stopping
    assert worker.why == "a worker heard no more of the process that started the run"
    assert Path(workplace.stop_marker).read_text() == worker.why


def test_it_leaves_a_sign(workplace: Workplace) -> None:
    assert not workplace.has_begun()
    worker_of(workplace)
    assert workplace.has_begun()


def test_it_takes_no_part_where_the_run_folder_is_another(workplace: Workplace) -> None:
    """On a machine without the launcher's disk; a writer of Beam's makes folders all the same."""
    (workplace.path / ALIVE).unlink()
    with pytest.raises(RuntimeError) as refused:
        worker_of(workplace)
    assert str(refused.value) == f"{CANNOT_JOIN}: No such file or directory"


def test_it_takes_no_part_as_another_user(workplace: Workplace) -> None:
    """The launcher could not read its records."""
    try:
        os.chown(workplace.path / ALIVE, 12345, -1)
    except OSError:
        pytest.skip("needs the right to give a file to another user")
    with pytest.raises(RuntimeError, match=f"^{CANNOT_JOIN}: it belongs to another user$"):
        worker_of(workplace)


def test_it_stops_where_the_run_is_over(workplace: Workplace) -> None:
    worker = worker_of(workplace)
    assert not worker.stopping
    workplace.path.rename(workplace.path.with_name("taken-over"))
    assert worker.stopping
    assert not workplace.path.exists()  # the reason is told to nobody


def test_it_stops_for_the_reason_that_another_had(workplace: Workplace) -> None:
    first, second = worker_of(workplace), worker_of(workplace)
    first.stop("the store is away")
    second.why = ""
    assert second.stopping
    assert second.why == "the store is away"


def test_one_in_the_launchers_process_needs_no_beat(workplace: Workplace) -> None:
    launcher = RunState()
    launcher.begin(workplace.stop_marker)
    launcher.join(workplace.stop_marker)
    (workplace.path / ALIVE).unlink()
    assert not launcher.stopping
    Path(workplace.stop_marker).touch()
    assert launcher.stopping
    assert launcher.why == ""


def test_the_launcher_beats_now_and_then(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.workplace._BEAT_EVERY_S", 0.02)
    beats = set()
    with workplace.beating():
        while len(beats) < 3:
            beats.add((workplace.path / ALIVE).read_text())
    last = (workplace.path / ALIVE).read_text()
    time.sleep(0.1)
    assert (workplace.path / ALIVE).read_text() == last


def test_a_run_is_over_where_it_stops_or_another_begins() -> None:
    state = RunState()
    state.begin("")
    assert not state.is_over("")
    state.stop()
    assert state.is_over("")
    state.begin("another")
    assert (state.is_over(""), state.is_over("another")) == (True, False)
