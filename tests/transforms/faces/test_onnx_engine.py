import os
import subprocess
import sys
from pathlib import Path


def test_the_engine_tells_nobody_of_us(tmp_path: Path) -> None:
    """ONNX Runtime keeps what it would send to its makers under HOME, and a session in TMPDIR."""
    places = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ORT_")}
    subprocess.run(
        [sys.executable, "-c", "import transforms.faces.onnx_engine"],
        cwd=Path(__file__).parents[3],
        env=environment | places,
        check=True,
    )
    assert list(tmp_path.rglob("*")) == []
