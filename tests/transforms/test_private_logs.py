"""What Beam logs of an exception."""

import logging
from collections.abc import Iterator

import pytest

from transforms.private_logs import keep_exceptions_private

BEAMS = "/lib/apache_beam/runners/portability/portable_runner.py"
TEXT = "Job failed:\nTraceback (most recent call last):\n  line\nValueError: of Somebody"


@pytest.fixture(autouse=True)
def private() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    keep_exceptions_private.cache_clear()
    keep_exceptions_private()
    yield
    logging.setLogRecordFactory(before)
    keep_exceptions_private.cache_clear()


@pytest.mark.parametrize(
    ("name", "path"), [("apache_beam.runners", "any.py"), ("root", BEAMS)], ids=["name", "root"]
)
def test_a_traceback_that_is_handed_on_is_cut(name: str, path: str) -> None:
    """A client of a runner logs the errors of workers under no name of Beam's."""
    record = logging.getLogger(name).makeRecord(name, logging.ERROR, path, 1, "%s", (TEXT,), None)
    assert "ValueError" not in record.getMessage()


def test_other_logs_are_left_as_they_are() -> None:
    made = logging.getLogger("root").makeRecord("root", logging.ERROR, "a.py", 1, TEXT, (), None)
    assert made.getMessage() == TEXT
