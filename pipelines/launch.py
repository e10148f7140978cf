"""Starts a Beam pipeline on the runner that was asked for, and waits without deafness.

A runner blocks, and locally it can neither be cancelled nor be asked how far it is: it runs in a
side thread, while this one stays free for signals and progress.
"""

import logging
import os
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    DebugOptions,
    DirectOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
    _BeamArgumentParser,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle, PortableRunner
from apache_beam.runners.runner import create_runner

from pipelines.filesystems import KEYS
from pipelines.job_servers import decide_environment, job_server_of, temporary_files_in
from pipelines.measurements import Measurements, measured
from schemas.errors import FailedError, UsageError
from transforms.private_logs import keep_exceptions_private, where
from transforms.run_state import CANNOT_JOIN, RUN_STATE

_LOCAL_RUNNERS = {"FnApiRunner", "SwitchingDirectRunner"}  # the last is Beam's DirectRunner
_NO_SHARED_DISK = {"DataflowRunner", "TestDataflowRunner"}
_POLL_S = 0.2
# Beam hands on what a stage of ours or of its own raised as a text, with the stage.
_OF_THE_SYSTEM = re.compile(r"\[errno (\d{1,4})\].*\[while running '(\w+)", re.DOTALL | re.I)
_OF_A_WORKER = re.compile(rf"{CANNOT_JOIN}: [\w ]+")


def beam_options(flags: Sequence[str], workers: int) -> PipelineOptions:
    """Gives Beam's options. Raises UsageError for those that Beam or we cannot run with.

    Without a runner of the user's choice, FnApiRunner.
    """
    _check_flags(flags)
    local = [
        "--runner=FnApiRunner",
        "--direct_running_mode=in_memory",
        f"--direct_num_workers={workers}",
        "--no_save_main_session",
    ]
    options = PipelineOptions([*local, *flags])
    if options.view_as(DirectOptions).direct_running_mode == "multi_processing":
        raise UsageError(
            "--direct_running_mode=multi_processing holds the model once a process and loses "
            "options; leave it out, --workers already uses all cores"
        )
    runner = _known_runner(options)
    if type(runner).__name__ in _LOCAL_RUNNERS:  # of which Beam knows other names, as direct
        options.view_as(StandardOptions).runner = type(runner).__name__
    _check_runner(runner, options)
    decide_environment(runner, options)
    try:
        problems = PipelineOptionsValidator(options, runner).validate()
    except ImportError as error:  # of what an option names
        raise UsageError(f"after `--`: {error}") from error
    if problems:
        raise UsageError(f"after `--`: {' '.join(problems)}")
    return options


def is_one_process(options: PipelineOptions) -> bool:
    """True where all workers live in this process, as an embedded store needs."""
    loopback = options.view_as(PortableOptions).environment_type == "LOOPBACK"
    apart = options.view_as(DebugOptions).lookup_experiment("use_loopback_process_worker", False)
    return _is_local(options) or (loopback and not apart)


def run_pipeline(
    compose: Callable[[beam.Pipeline], Any],
    options: PipelineOptions,
    temporary: Path,
    while_running: Callable[[], None],
) -> Measurements:
    """Builds and runs the pipeline; gives what was measured, or raises what the pipeline raised.

    temporary: a folder for what Beam would leave among the system's temporary files. Raises
    FailedError instead where that was an error of the system's, or there is no job server: its text
    may be shown.
    """
    keep_exceptions_private()  # a runner tells here what workers elsewhere raise
    results: list[Measurements] = []
    errors: list[Exception] = []
    runner = _runner(options)
    alone = _is_local(options)  # which takes no other process and leaves no files

    def work() -> None:
        try:
            with nullcontext() if alone else temporary_files_in(temporary):
                pipeline = beam.Pipeline(runner=runner, options=options)
                # For transforms of other languages; a killed run would leave it behind.
                os.rmdir(pipeline.local_tempdir)
                compose(pipeline)
                result = pipeline.run()
            result.wait_until_finish()
            results.append(_measured(result))
        except Exception as error:  # handed to the thread that waits
            errors.append(error)

    thread = threading.Thread(target=work, name="pipeline", daemon=True)
    with nullcontext() if alone else job_server_of(runner, options, temporary):
        thread.start()
        try:
            while thread.is_alive():
                thread.join(_POLL_S)
                while_running()
        finally:
            if thread.is_alive():  # the caller's function failed: workers would be left behind
                RUN_STATE.stop()
                thread.join()
    if errors:
        raise _explained(errors[0]) or errors[0]
    return results[0]


def _measured(result: Any) -> Measurements:
    try:
        return measured(result)
    except Exception as error:  # of a job server that tells none, as Spark's for one jar
        raise FailedError(
            f"the runner tells no metrics ({type(error).__name__}), by which the account is checked"
        ) from error


def _explained(error: Exception) -> FailedError | None:
    """Gives what may be shown of it, if anything may.

    That is why a worker elsewhere takes no part, and what the system did not let a stage do, as
    write on a full disk.
    """
    if isinstance(error, FailedError):
        return error
    if type(error).__name__ == "FutureTimeoutError":  # of gRPC, of which Beam alone knows
        return FailedError("the job server does not answer; is --job_endpoint right?")
    if found := _OF_A_WORKER.search(str(error)):
        return FailedError(
            f"{found[0]}; expected it there under the same path, on a disk that all mount, and "
            "workers of the same user"
        )
    if found := _OF_THE_SYSTEM.search(str(error)):
        return FailedError(f"{os.strerror(int(found[1]))} (in {found[2]})")
    if "portable_runner" in (place := where(error)):
        return FailedError(
            f"the runner's job failed ({place}); its logs and those of the workers tell why: one "
            "may have been killed, as for its memory"
        )
    return None


def _is_local(options: PipelineOptions) -> bool:
    return options.view_as(StandardOptions).runner in _LOCAL_RUNNERS


def _runner(options: PipelineOptions) -> Any:
    # DirectRunner would take the same in the end, but first download and start Prism.
    if not _is_local(options):
        return create_runner(options.view_as(StandardOptions).runner)
    # It runs several workers as threads in spite of a warning that says it will not.
    logging.getLogger(fn_runner.__name__).setLevel(logging.ERROR)
    # Named directly, it hands workers no options unless they are given here.
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    info = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    return fn_runner.FnApiRunner(provision_info=fn_runner.ExtendedProvisionInfo(info))


class _Flags(_BeamArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Tells what is wrong without Beam's hundred lines of usage."""
        raise UsageError(f"after `--`: {message}")


def _check_flags(flags: Sequence[str]) -> None:
    parser = _Flags(prog="--", add_help=False, allow_abbrev=False)
    for each in PipelineOptions.__subclasses__():
        each._add_argparse_args(parser)  # Beam's own hook for declaring options
    _, unknown = parser.parse_known_args(list(flags))
    if unknown:
        raise UsageError(
            f"after `--`: Beam knows no option {unknown[0].partition('=')[0]!r}; Muster's own "
            "options stand before"
        )


def _known_runner(options: PipelineOptions) -> Any:
    name = options.view_as(StandardOptions).runner
    try:
        return create_runner(name)
    except ImportError as error:  # says what to install for it
        raise UsageError(f"after `--`: --runner={name}: {error}") from error
    except (AttributeError, ValueError) as error:
        raise UsageError(f"after `--`: Beam knows no runner {name!r}") from error


def _check_runner(runner: Any, options: PipelineOptions) -> None:
    """Raises UsageError for a runner that could not do the job, or would tell a secret."""
    name = options.view_as(StandardOptions).runner
    if type(runner) is PortableRunner and not options.view_as(PortableOptions).job_endpoint:
        raise UsageError(
            f"after `--`: --runner={name} lacks --job_endpoint; expected HOST:PORT of a job "
            "server, or embed for Beam's own"
        )
    if type(runner).__name__ in _NO_SHARED_DISK:
        raise UsageError(
            f"after `--`: --runner={name}: its workers have no disk in common with this machine, "
            "where the run folder is; expected a runner whose workers have, as Flink's or Spark's"
        )
    keys = KEYS & options.get_all_options(drop_default=True).keys()
    if keys and not _is_local(options):
        raise UsageError(
            f"after `--`: --{min(keys)}: {name} would show it, and hand it on; give it in the "
            "environment of this command and of the workers"
        )
