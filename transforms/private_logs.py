"""Keeps the text of exceptions to ourselves: it may hold what must stay private."""

import logging
import os
import re
import traceback
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

_STEP = re.compile(r" \[while running '[^']*'\]\Z")
_BEAM = f"{os.sep}apache_beam{os.sep}"
_TRACEBACK = "Traceback (most recent call last)"


def where(failure: BaseException) -> str:
    """Gives the class and the place of a failure's first cause, without its text."""
    while failure.__cause__ is not None:
        failure = failure.__cause__
    frames = traceback.extract_tb(failure.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(failure).__name__}{place}"


@cache
def keep_exceptions_private() -> None:
    """From now on Beam logs class and place of what a stage raises, in this process."""
    logging.setLogRecordFactory(partial(_record, logging.getLogRecordFactory()))


def _record(make: Callable[..., logging.LogRecord], *args: Any, **kwargs: Any) -> logging.LogRecord:
    record = make(*args, **kwargs)
    # Other logs are not ours to change; some of Beam's own go to the root logger.
    if record.name.startswith("apache_beam") or _BEAM in record.pathname:
        if isinstance(record.args, tuple):
            record.args = tuple(map(_placed, record.args))
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # for logging to tell, as ever
            return record
        if record.exc_info and (error := record.exc_info[1]):
            step = _STEP.search(message)  # Beam's message is the text of the exception
            record.msg, record.args = where(error) + (step[0] if step else ""), ()
            record.exc_info = None
        elif _TRACEBACK in message:
            record.msg, record.args = message.partition(_TRACEBACK)[0], ()
    return record


def _placed(value: object) -> object:
    return where(value) if isinstance(value, BaseException) else value
