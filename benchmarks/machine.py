"""Says on what a benchmark ran."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from transforms.worker import cores

_PACKAGES = ("apache-beam", "numpy", "onnxruntime", "openvino", "opencv-python-headless")


def machine() -> str:
    """Gives processor, cores, and the versions of Python and of what the time is spent in."""
    versions = [f"{each} {_version(each)}" for each in _PACKAGES]
    return ", ".join(
        [f"{_processor()}, {cores()} cores", f"Python {platform.python_version()}", *versions]
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [each.partition(":")[2].strip() for each in lines if each.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"
