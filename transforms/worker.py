"""What every worker process does first, and the one place that decides on threads."""

import os

import cv2

from transforms.faces.base import Share
from transforms.private_logs import keep_exceptions_private


def prepare_process() -> None:
    """Makes files and logs private, and keeps OpenCV from a thread a core."""
    os.umask(0o077)
    keep_exceptions_private()
    cv2.setNumThreads(0)


def cores() -> int:
    """Gives the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def inference_share(workers: int) -> Share:
    """Gives what inference may use, so that workers x threads = cores."""
    return Share(calls=workers, threads=max(1, cores() // workers))
