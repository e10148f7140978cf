"""What every worker process does first, and the one place that decides on threads."""

import os

import cv2


def prepare_process() -> None:
    """Makes files private, and keeps OpenCV from starting a thread a core beside the workers."""
    os.umask(0o077)
    cv2.setNumThreads(0)


def cores() -> int:
    """Gives the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def inference_threads(workers: int) -> int:
    """Gives the threads that one inference may use, so that workers x threads = cores."""
    return max(1, cores() // workers)
