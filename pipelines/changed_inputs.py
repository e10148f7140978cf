"""Whether an input was written to between planning and the end of the run.

Rows are known by their places: in another file there stand others.
"""

import os
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress

from pipelines.find_inputs import FoundFile
from schemas.inputs import Form
from transforms.inputs.streams import is_compressed

Marks = Mapping[str, tuple[Form, os.stat_result]]


def marks_of(files: Iterable[FoundFile]) -> Marks:
    """Gives what `first_changed` compares, of local files: to ask for others takes too long."""
    marks = {}
    for path, form, _ in files:
        with suppress(OSError):  # planning tells
            marks[path] = (form, os.stat(path))
    return marks


def first_changed(marks: Marks, read: Container[str]) -> str:
    """Gives the first of those that were read which was written to or replaced; "" for none.

    Lines may be added to a JSONL: those that were planned stand where they stood. A file that is
    gone is read to its end by whoever has it open, and rows that are lacking show in the account.
    """
    for path, (form, before) in marks.items():
        if path not in read:
            continue
        with suppress(OSError):
            now = os.stat(path)
            written = (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns)
            grows = now.st_size > before.st_size and os.path.samestat(before, now)
            may_grow = form is Form.JSONL and not is_compressed(path)
            if written and not (grows and may_grow):
                return path
    return ""
