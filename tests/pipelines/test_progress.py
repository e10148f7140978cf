"""The moving line on a terminal."""

import io

import pytest

from pipelines.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("rows", [0, 3])
def test_there_is_one_line(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    progress = Progress()
    for _ in range(3):
        progress(rows)
    progress.close()
    assert terminal.getvalue().count("\n") == 1
