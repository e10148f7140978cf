"""A virtual environment for each peer, made once of its pinned requirements."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


class NotToBeHadError(Exception):
    """A peer cannot be installed here."""


def requirements(name: str) -> Path:
    """Gives the peer's file of pinned versions."""
    return HERE / f"requirements-{name}.txt"


def pinned(name: str, *packages: str) -> str:
    """Gives the versions that the peer's file pins, as `ray 2.60.0, numpy 2.4.6`."""
    lines = requirements(name).read_text().splitlines()
    versions = dict(line.split("==", 1) for line in lines if "==" in line)
    return ", ".join(f"{each} {versions[each]}" for each in packages if each in versions)


def interpreter(name: str, build: Path) -> Path:
    """Gives the peer's Python, installing what is not installed yet. Raises NotToBeHadError."""
    folder = build / name
    python, mark = folder / "bin" / "python", folder / ".ready"
    wanted = f"{sys.version}\n{requirements(name).read_text()}"
    if mark.exists() and mark.read_text() == wanted:
        return python
    print(f"installing {name} in {folder}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    # --no-deps: the files name everything, with one cv2 (insightface asks for another as well).
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    given = ["--no-deps", "--requirement", str(requirements(name))]
    if subprocess.run([*pip, *given], stdout=sys.stderr).returncode:
        raise NotToBeHadError(name)
    mark.write_text(wanted)
    return python
