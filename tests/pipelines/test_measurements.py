"""What a run takes, on systems that tell less of it."""

import resource
from pathlib import Path

import pytest

from pipelines import measurements
from pipelines.measurements import peak_memory_bytes


def test_the_peak_where_the_system_tells_none_in_proc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a sandbox of gVisor."""
    told = peak_memory_bytes()
    for content in (None, "VmRSS:\t1 kB\n"):
        status = tmp_path / "status"
        if content:
            status.write_text(content)
        monkeypatch.setattr(measurements, "Path", lambda _, status=status: status)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        assert peak_memory_bytes() == pytest.approx(most, rel=0.2)
        assert peak_memory_bytes() == pytest.approx(told, rel=1.0)
