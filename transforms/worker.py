"""What every worker process does first, and the one place that decides on threads."""

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import cv2

from transforms.faces.base import Share
from transforms.private_logs import keep_exceptions_private

_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds of a core in so many; "max" for none
# Parameters of glibc's malloc (mallopt(3)), and what they are set to, in bytes.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_WHILE_LOADING, _AFTERWARDS, _KEPT_ON_TOP = 1 << 20, 32 << 20, 64 << 20


def prepare_process() -> None:
    """Makes files and logs private, and keeps OpenCV from a thread a core."""
    os.umask(0o077)
    keep_exceptions_private()
    cv2.setNumThreads(0)
    _set_imports_aside()


@cache  # once a process, for a caller's own objects would be kept as well
def _set_imports_aside() -> None:
    """Spares the garbage collector what is there by now: modules, above all.

    It looks through all of that, 0.1 s, once every 15,000 rows that two workers have.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def memory_returned() -> Iterator[None]:
    """For the time in which models load, has large blocks go back to the system when freed.

    By itself, glibc keeps ever larger ones for its own use, among the small ones: 100 MB.
    Afterwards it may: each photo would be decoded into new pages otherwise, 3 ms for one of 3
    megapixels.
    """
    _tell_malloc(_M_TRIM_THRESHOLD, _KEPT_ON_TOP)
    _tell_malloc(_M_MMAP_THRESHOLD, _WHILE_LOADING)
    try:
        yield
    finally:
        _tell_malloc(_M_MMAP_THRESHOLD, _AFTERWARDS)


def return_memory() -> None:
    """Gives the system what was freed and glibc keeps: for the moment after a step that is over."""
    _of_glibc("malloc_trim", 0)


def _tell_malloc(parameter: int, size: int) -> None:
    _of_glibc("mallopt", parameter, size)


def _of_glibc(name: str, *values: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None)  # other C libraries have none
    if function is not None:
        function(*values)


def cores() -> int:
    """Gives the cores that this process may use, by its affinity and by its container's quota."""
    affinity = getattr(os, "sched_getaffinity", None)  # other systems have none
    mine = len(affinity(0)) if affinity else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # of version 1, or without a quota
        quota, period = map(int, _QUOTA.read_text().split())
        mine = min(mine, -(-quota // period))
    return mine


def inference_share(workers: int) -> Share:
    """Gives what inference may use in this process, so that calls x threads = cores.

    workers: of the whole job, of which a cluster has more than one process has cores.
    """
    calls = min(workers, cores())
    return Share(calls, threads=cores() // calls)
