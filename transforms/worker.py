"""What every worker process does first, and the one place that decides on threads."""

import ctypes
import os

import cv2

from transforms.faces.base import Share
from transforms.private_logs import keep_exceptions_private

# Parameters of glibc's malloc (mallopt(3)), with what they are set to.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = (-1, 64 << 20), (-3, 1 << 20)


def prepare_process() -> None:
    """Makes files and logs private, keeps OpenCV from a thread a core, and has memory returned."""
    os.umask(0o077)
    keep_exceptions_private()
    cv2.setNumThreads(0)
    _return_memory()


def _return_memory() -> None:
    """Has large blocks go back to the system when they are freed: 100 MB after models are loaded.

    By itself, glibc keeps ever larger ones for its own use, among the small ones.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        for parameter, size in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            mallopt(parameter, size)


def cores() -> int:
    """Gives the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def inference_share(workers: int) -> Share:
    """Gives what inference may use, so that workers x threads = cores."""
    return Share(calls=workers, threads=max(1, cores() // workers))
