"""What every worker process does first, and the one place that decides on threads."""

import os

import cv2


def prepare(workers: int) -> int:
    """Makes files private and keeps libraries from starting their own pools.

    Gives the threads that one inference may use, so that workers x threads = cores.
    """
    os.umask(0o077)
    cv2.setNumThreads(0)
    return max(1, (os.cpu_count() or 1) // workers)
