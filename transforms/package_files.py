"""Data files of installed packages, found without running any of the packages' code."""

from importlib.util import find_spec
from pathlib import Path


def package_folder(package: str) -> Path | None:
    """Gives the folder of a top-level package, or None where it is not installed."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])
