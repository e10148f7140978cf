"""The job server that a runner such as Flink's brings, for as long as the pipeline runs."""

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    SparkRunnerOptions,
)
from apache_beam.runners.portability.flink_runner import MAGIC_HOST_NAMES, FlinkRunner
from apache_beam.runners.portability.portable_runner import JobServiceHandle, PortableRunner
from apache_beam.runners.portability.prism_runner import PrismRunner
from apache_beam.runners.portability.spark_runner import LOCAL_MASTER_PATTERN, SparkRunner

from schemas.errors import FailedError, UsageError

_ENVIRONMENTS = ("DOCKER", "PROCESS", "EXTERNAL", "LOOPBACK")


def decide_environment(runner: Any, options: PipelineOptions) -> None:
    """Notes where the runner has its workers, as it would itself, but later than we must know.

    Raises UsageError for a kind of environment that there is not.
    """
    portable = options.view_as(PortableOptions)
    kind = portable.environment_type
    if kind and kind not in _ENVIRONMENTS and not kind.startswith("beam:env:"):
        raise UsageError(
            f"after `--`: --environment_type={kind}; expected {', '.join(_ENVIRONMENTS)}"
        )
    if isinstance(runner, PortableRunner) and not kind and not portable.output_executable_path:
        here = isinstance(runner, PrismRunner)
        if isinstance(runner, FlinkRunner):
            here = options.view_as(FlinkRunnerOptions).flink_master in MAGIC_HOST_NAMES
        if isinstance(runner, SparkRunner):
            master = options.view_as(SparkRunnerOptions).spark_master_url
            here = re.match(LOCAL_MASTER_PATTERN, master) is not None
        portable.environment_type = "LOOPBACK" if here else "DOCKER"


@contextmanager
def job_server_of(runner: Any, options: PipelineOptions, temporary: Path) -> Iterator[None]:
    """Has the runner's job server for the block, where the runner would start one by itself.

    Beam would start it in the thread of the pipeline, where it cannot do what it does then: have
    Ctrl-C end the server, at which the readers would have no time to stop. Raises FailedError.
    """
    if not isinstance(runner, PortableRunner):
        yield
        return
    handle_of = runner.create_job_service_handle

    def of_any_length(job_service: Any, options: PipelineOptions) -> JobServiceHandle:
        handle = handle_of(job_service, options)
        run = handle.run

        def run_without_limit(preparation_id: str) -> Any:
            handle.timeout = None  # which is meant for the server's first answers, and ends the job
            return run(preparation_id)

        handle.run = run_without_limit  # type: ignore[method-assign]
        return handle

    runner.create_job_service_handle = of_any_length  # type: ignore[method-assign]
    if options.view_as(PortableOptions).job_endpoint:
        yield
        return
    ours = signal.getsignal(signal.SIGINT)
    try:
        with temporary_files_in(temporary):
            server = runner.default_job_server(options)
            server.start()
    except Exception as error:  # a jar that is not there, no Java, no way to fetch either
        raise FailedError(f"no job server for the runner: {error}") from error
    finally:
        signal.signal(signal.SIGINT, ours)
    runner.default_job_server = lambda _: server  # type: ignore[method-assign]  # started already
    try:
        yield
    finally:
        _stop(server)


def end_children() -> None:
    """Ends the processes that this one started: a job server would live on without it."""
    for children in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # the thread may have ended
            for child in children.read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGTERM)


def _stop(server: Any) -> None:
    """Ends its process, also where its folder cannot be removed, which Beam does first."""
    try:
        server.stop()
    except OSError:  # the process still writes there; the folder goes with the workplace
        inner = vars(server).get("_job_server", server)
        inner._local_temp_root = None
        inner.stop()


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Has what the block leaves among the system's temporary files there instead."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
