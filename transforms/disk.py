"""What must outlive a power cut."""

import os
from pathlib import Path


def to_disk(path: Path) -> None:
    """Has the system write a file, or the names of a folder. Raises OSError."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
