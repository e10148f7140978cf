"""Whether an input was written to between planning and the end of the run.

Rows are known by their places: in another file there stand others.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress

from schemas.inputs import Form
from transforms.inputs.streams import is_compressed

Marks = Mapping[str, tuple[Form, os.stat_result]]


def marks_of(files: Iterable[tuple[str, Form, int]]) -> Marks:
    """Gives what `first_changed` compares. Of local files: objects elsewhere are read as one."""
    marks = {}
    for path, form, _ in files:
        with suppress(OSError):  # planning tells
            marks[path] = (form, os.stat(path))
    return marks


def first_changed(marks: Marks) -> str:
    """Gives the first that is another file than before, or was written to; "" where none was.

    Lines may be added to a JSONL: those that were planned stand where they stood. A file that is
    gone is read to its end by whoever has it open, and rows that are lacking show in the account.
    """
    for path, (form, before) in marks.items():
        with suppress(OSError):
            now = os.stat(path)
            same = os.path.samestat(before, now)
            grows = form is Form.JSONL and not is_compressed(path) and now.st_size > before.st_size
            written = (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns)
            if not same or (written and not grows):
                return path
    return ""
