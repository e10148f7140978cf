"""The job server that a runner such as Flink's brings, for as long as the pipeline runs."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.runners.portability.portable_runner import PortableRunner


class NoJobServerError(Exception):
    """It cannot be started. The text may be shown."""


@contextmanager
def job_server_of(runner: Any, options: PipelineOptions, temporary: Path) -> Iterator[None]:
    """Has the runner's job server for the block, where the runner would start one by itself.

    Beam would start it in the thread of the pipeline, where it cannot do what it does then: have
    Ctrl-C end the server, at which the readers would have no time to stop. Raises NoJobServerError.
    """
    endpoint = options.view_as(PortableOptions).job_endpoint
    if not isinstance(runner, PortableRunner) or endpoint:
        yield
        return
    ours = signal.getsignal(signal.SIGINT)
    try:
        with temporary_files_in(temporary):
            server = runner.default_job_server(options)
            server.start()
    except Exception as error:  # a jar that is not there, no Java, no way to fetch either
        raise NoJobServerError(f"no job server for the runner: {error}") from error
    finally:
        signal.signal(signal.SIGINT, ours)
    runner.default_job_server = lambda _: server  # type: ignore[method-assign]  # started already
    try:
        yield
    finally:
        server.stop()


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Has what the block leaves among the system's temporary files there instead."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
