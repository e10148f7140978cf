"""Files that get their name when they are whole, and not before."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from schemas.errors import UsageError


@contextmanager
def written_whole(out: Path) -> Iterator[BinaryIO]:
    """Gives a new file that gets its name at the end of the block, or is removed.

    Raises UsageError where it exists, another process is writing it, or it cannot be made.
    """
    partial = out.with_name(f".{out.name}.partial")
    try:
        private = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from error
    with open(private, "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"{out}: another process is writing it") from error
        try:
            check_absent(out)  # now: another may have written it, and this may even be its file
            file.truncate()  # what one that was killed had written
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(partial, out)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def check_absent(out: Path) -> None:
    """Raises UsageError where something has this name, if only a link to nothing."""
    if os.path.lexists(out):
        raise UsageError(f"{out} exists; name a new one")
