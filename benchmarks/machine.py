"""What figures were measured on: they mean nothing without it."""

import platform
import statistics
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from transforms.worker import cores

# What makes float32 and bfloat16 fast where the processor has it.
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
# What decides on Muster's speed.
_OWN = (
    "apache-beam",
    "numpy",
    "onnxruntime",
    "openvino",
    "opencv-python-headless",
    "qdrant-edge-py",
)


def machine() -> str:
    """Gives processor, cores that this process may use, Python and Muster's packages."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor()}, {cores()} cores; {python}; {versions(_OWN)}"


def versions(packages: Iterable[str]) -> str:
    """Gives what is installed of them here, as `numpy 2.4.6, openvino not installed`."""
    return ", ".join(f"{each} {_version(each)}" for each in packages)


def plain_python_ms() -> float:
    """Gives how long a loop of plain Python takes just now.

    A machine that others use as well may take twice as long a minute later: figures that are no
    ratios are to be read beside this one.
    """
    began = time.perf_counter()
    sum(each * each for each in range(1_000_000))
    return (time.perf_counter() - began) * 1e3


def plain_python(took_ms: Sequence[float]) -> str:
    """Gives what the loop took during a benchmark, as a line."""
    middle, least, most = statistics.median(took_ms), min(took_ms), max(took_ms)
    return f"a loop of plain Python: median {middle:.0f} ms, {least:.0f} to {most:.0f}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Gives the processor's name, which may say little in a VM, and what it can."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    pairs = (each.partition(":") for each in lines)
    told = {name.strip(): value.strip() for name, _, value in pairs}
    known = set(told.get("flags", "").split())
    flags = [each for each in _FLAGS if each in known]
    name = told.get("model name") or platform.processor() or "unknown processor"
    return " ".join([name, *flags])
