"""The command line of Muster: options -> config -> run -> exit code. Nothing that workers need."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from pipelines.streams import (
    UnreadError,
    libraries_silenced,
    print_json,
    say_at_once,
    stderr_that_may_fail,
)
from schemas.errors import FailedError, RefusedError, UsageError, refusal_json
from schemas.exit_codes import FAILED, FINISHED, REFUSED, SIGNAL_BASE, USAGE
from schemas.options import (
    DEFAULT_PACK,
    DEFAULT_STORE,
    EngineName,
    FaceStorageType,
    MultipleFaces,
    OnDuplicateId,
    Precision,
)

# Modules that load Beam and the models are imported by the commands that need them, so that
# --help and a misspelt option answer at once.


def option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """A click option that MUSTER_<OPTION> sets as well."""
    long_name = next(name for name in names if name.startswith("--"))
    variable = "MUSTER_" + long_name.removeprefix("--").upper().replace("-", "_")
    return click.option(*names, envvar=variable, **settings)


STORAGE_TYPES = click.Choice([str(each) for each in FaceStorageType])
DUPLICATES = click.Choice([str(each) for each in OnDuplicateId])
POLICIES = click.Choice([str(each) for each in MultipleFaces])
ENGINES = click.Choice([str(each) for each in EngineName])
PRECISIONS = click.Choice([str(each) for each in Precision])

store_option = option(
    "--store", default=DEFAULT_STORE, show_default=True, metavar="URL|DIR",
    help="A Qdrant server's URL, or the folder of an embedded store.",
)  # fmt: skip
pack_option = option(
    "--pack",
    default=DEFAULT_PACK,
    show_default=True,
    metavar="NAME",
    help="Detector and recogniser: opencv-zoo, insightface:NAME or insightface:DIR.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="muster")
def muster() -> None:
    """Bulk face enrollment: payloads in, vectors and one result record per person out."""


@muster.group()
def collections() -> None:
    """Make, show, list, optimize and delete collections."""


@collections.command("create")
@click.argument("name")
@store_option
@pack_option
def create_collection(name: str, store: str, pack: str) -> None:
    """Make an empty collection for the vectors of a pack."""
    from pipelines.collections import create

    print_json(create(store, name, pack))


@collections.command("show")
@click.argument("name")
@store_option
def show_collection(name: str, store: str) -> None:
    """Show a collection and how many persons it has."""
    from pipelines.collections import show

    print_json(show(store, name))


@collections.command("list")
@store_option
def list_collections(store: str) -> None:
    """List all collections of a store."""
    from pipelines.collections import list_all

    print_json(list_all(store))


@collections.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@store_option
def delete_collection(name: str, yes: bool, store: str) -> None:
    """Delete a collection and all its persons."""
    from pipelines.collections import delete

    if not yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError(f"deleting {name!r} needs --yes where nobody can be asked")
        click.confirm(f"Delete collection {name!r} and all its persons?", abort=True, err=True)
    print_json(delete(store, name))


@collections.command("optimize")
@click.argument("name")
@store_option
def optimize_collection(name: str, store: str) -> None:
    """Build a collection's search index now (an embedded store never does by itself)."""
    from pipelines.collections import optimize

    print_json(optimize(store, name))


@muster.group()
def persons() -> None:
    """Look at what is stored of a person."""


@persons.command("get")
@click.argument("person_id", metavar="ID")
@option("--collection", metavar="NAME", required=True, help="The collection that holds the person.")
@store_option
def get_person(person_id: str, collection: str, store: str) -> None:
    """Print everything that is stored of a person, the vector and the kept image too."""
    from pipelines.collections import get_person

    print_json(get_person(store, collection, person_id))


@muster.command("responses")
@click.argument("run_dir", metavar="RUN")
def print_responses(run_dir: str) -> None:
    """Print the face server's response to each request body of a finished run."""
    from pipelines.responses import responses

    none = True
    for response in responses(Path(run_dir)):
        print_json(response)
        none = False
    if none:
        click.echo(f"{run_dir}: none of the run's inputs is a request body", err=True)


def not_empty(context: click.Context, parameter: click.Parameter, path: str) -> str:
    """Refuses what an unset variable of a script leaves: as a path it is the current folder."""
    if not path:
        raise UsageError(f"{parameter.make_metavar(context)}: expected a name, not an empty one")
    return path


@muster.command("sample")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False), callback=not_empty)
def write_sample(folder: str) -> None:
    """Write a small real payload, good rows and bad, from photos that packages ship."""
    from pipelines.sample import write_sample

    for path in write_sample(Path(folder)):
        click.echo(path, err=True)


@muster.command("pack")
@click.argument("source", metavar="DIR|MANIFEST.csv", type=click.Path(), callback=not_empty)
@click.argument("out", metavar="OUT.parquet", type=click.Path())
def write_pack(source: str, out: str) -> None:
    """Make a payload from a folder of images, or from a CSV of ids, names and paths.

    An image in DIR has its file's name as id; one in a folder below has that folder's name.
    """
    from pipelines.pack import pack, summary
    from pipelines.pack_sources import source_of

    found = source_of(Path(source))
    packed = pack(found, Path(out))
    for line in summary(Path(out), found, packed):
        click.echo(line, err=True)


def read_config(context: click.Context, _: click.Parameter, path: str | None) -> None:
    """Makes the file's values the options' defaults; a name that is no option is an error."""
    if path is None:
        return
    from pipelines.config_file import read_config_file

    options = context.command.params
    context.default_map = read_config_file(
        path,
        {each.name: each.multiple or each.nargs == -1 for each in options if each.name != "config"},
    )


@muster.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@option("--config", callback=read_config, is_eager=True, expose_value=False, metavar="FILE",
        help="YAML of option names and values; `inputs` for INPUT.")  # fmt: skip
@option("--collection", metavar="NAME",
        help="The collection for person rows; it must exist. Bodies name their own.")  # fmt: skip
@option("--face-storage-type", type=STORAGE_TYPES,
        help="What to keep of each image of person rows.")  # fmt: skip
@option("--run-dir", required=True, metavar="RUN", help="The folder for this run's results.")
@store_option
@pack_option
@option("--engine", type=ENGINES, default="auto", show_default=True,
        help="What runs the models; auto: the fastest that is exact here.")  # fmt: skip
@option("--precision", type=PRECISIONS, default="float32", show_default=True,
        help="The recogniser's arithmetic; another one than before embeds again.")  # fmt: skip
@option("--workers", type=int, metavar="N", help="Workers at a time.  [default: cores]")
@option("--multiple-faces", type=POLICIES, default="reject",
        show_default=True, help="What to do with an image of several faces.")  # fmt: skip
@option("--on-duplicate-id", type=DUPLICATES, default="last", show_default=True,
        help="Which row counts where several have one person_id.")  # fmt: skip
@option("--keep-rejected", is_flag=True, help="Keep the rows not enrolled in RUN/rejected.")
@option("--limit", type=int, metavar="N", help="Read the first N rows only.")
@option("--max-rejected", metavar="N|P%", help="Exit 3 where more rows are rejected.")
@option("--retry-for", default="120s", show_default=True, metavar="TIME",
        help="How long a store may stay away before the run is given up.")  # fmt: skip
@option("--max-image-bytes", default="20MB", show_default=True, metavar="SIZE",
        help="Reject larger encoded images.")  # fmt: skip
@option("--max-image-pixels", default="50M", show_default=True, metavar="N",
        help="Reject images of more pixels, before decoding.")  # fmt: skip
@option("--max-row-bytes", default="64MB", show_default=True, metavar="SIZE",
        help="Reject longer rows.")  # fmt: skip
@option("--face-root", metavar="DIR",
        help="Where a relative face_uri starts.  [default: the input's folder]")  # fmt: skip
@option("--face-schemes", metavar="SCHEMES",
        help="Schemes that a face_uri may have, as gs,s3.  [default: none]")  # fmt: skip
@option("--column", multiple=True, metavar="FIELD=NAME",
        help="Read a field under another name, as person_id=EMP_NO.")  # fmt: skip
@option("--dry-run", is_flag=True, help="Check everything, say what would happen, enroll nothing.")
@option("-q", "--quiet", is_flag=True, help="No progress and no table on stderr.")
@option("-v", "--verbose", is_flag=True, help="Beam's own log on stderr.")
@click.pass_obj
def enroll(
    beam_options: Sequence[str], /, dry_run: bool, quiet: bool, verbose: bool, **values: Any
) -> int:
    """Enroll the people of payload files into collections.

    Files are Parquet, JSONL, or the JSON bodies of `PUT /persons`.

    What follows a single `--` are options of Apache Beam, as `-- --runner=PortableRunner`.

    \b
    muster enroll people.parquet --collection staff \\
        --face-storage-type NoStorage --run-dir runs/2026-11-23
    """  # noqa: D301  # click looks for the character itself
    level, root = logging.INFO if verbose else logging.CRITICAL, logging.getLogger()
    root.setLevel(level)
    for handler in root.handlers:  # Beam's job servers give their loggers a level of their own
        handler.setLevel(level)
    from pipelines.config import config_of
    from pipelines.dry_run import dry_run as say

    config = config_of(values, beam_options)
    if dry_run:
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, end)
        said = say(config)
        print_json(said)
        return REFUSED if said["all_refused"] else FINISHED
    with nullcontext() if verbose else libraries_silenced():
        return run_enrollment(config, quiet)


def run_enrollment(config: Any, quiet: bool) -> int:
    """Runs the job with signals and progress; gives the exit code."""
    from pipelines.enroll import run
    from pipelines.exit_codes import exit_code, reasons
    from pipelines.progress import Progress, account_table

    progress = Progress()
    with stoppable() as received:
        report = run(config, while_running=(lambda _: None) if quiet else progress)
    progress.close()
    if not quiet:
        click.echo(f"{account_table(report)}\nrun folder: {config.run_dir}", err=True)
    if report.taken_over and not quiet:
        click.echo("an unfinished run in this folder was taken over", err=True)
    for reason in reasons(report, config.max_rejected):
        click.echo(f"muster: {reason}", err=True)
    with suppress(UnreadError):  # the run tells more than who listens
        if report.all_refused:
            print_json(
                refusal_json(max(report.requests_refused, key=report.requests_refused.__getitem__))
            )
        print_json(report.to_json()["account"])
    return exit_code(report, config.max_rejected, received[0] if received else None)


@contextmanager
def stoppable() -> Iterator[list[int]]:
    """Lets SIGINT and SIGTERM end the run in order; a second one ends the process."""
    from pipelines.job_servers import end_children
    from transforms.run_state import RUN_STATE

    received: list[int] = []

    def stop(number: int, _: Any) -> None:
        if received or not RUN_STATE.under_way:
            RUN_STATE.stop()  # for workers that begin now, elsewhere
            say_at_once("muster: stopped; the run is unfinished")
            end_children()
            os._exit(SIGNAL_BASE + number)  # threads of native code cannot be asked
        received.append(number)
        RUN_STATE.stop()  # before all else: who reads stderr may have got the signal as well
        say_at_once("muster: stopping; what is under way is being recorded")

    heard = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) != signal.SIG_IGN]
    before = {each: signal.signal(each, stop) for each in heard}  # `&` in a script ignores SIGINT
    try:
        yield received
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Gives Muster's arguments and Beam's, which follow the first `--`."""
    if "--" not in arguments:
        return list(arguments), []
    at = list(arguments).index("--")
    return list(arguments[:at]), list(arguments[at + 1 :])


def end(number: int, _: Any) -> NoReturn:
    """Ends a dry run, and removes what is temporary."""
    raise SystemExit(SIGNAL_BASE + number)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command and exits with its code."""
    os.umask(0o077)
    # Where whoever started it ignores them, no child could be waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    given = list(sys.argv[1:] if arguments is None else arguments)
    with stderr_that_may_fail():
        logging.basicConfig(level=logging.ERROR)  # before Beam is imported, which logs at once
        code = exit_code_of(*(split_arguments(given) if given[:1] == ["enroll"] else (given, [])))
    sys.exit(code)


def exit_code_of(arguments: list[str], beam_options: list[str]) -> int:
    """Runs a command; tells why where it fails."""
    try:
        code = muster.main(arguments, prog_name="muster", standalone_mode=False, obj=beam_options)
        return code or FINISHED
    except click.Abort as abort:
        interrupted = isinstance(abort.__context__, KeyboardInterrupt)
        return SIGNAL_BASE + signal.SIGINT if interrupted else FAILED
    except UnreadError:
        return SIGNAL_BASE + signal.SIGPIPE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except UsageError as error:
        click.echo(f"muster: {error}", err=True)
        return USAGE
    except FailedError as error:
        click.echo(f"muster: {error}", err=True)
        return FAILED
    except RefusedError as error:
        click.echo(f"muster: {error.why}", err=True)
        with suppress(UnreadError, FailedError):
            print_json(refusal_json(error.code))
        return REFUSED
    except Exception as error:  # a bug, or a full disk; its own text may hold what is private
        from transforms.private_logs import where

        number = error.errno if isinstance(error, OSError) else None
        why = os.strerror(number) if number else "this should not happen"
        click.echo(f"muster: {why}: {where(error)}", err=True)
        return FAILED


if __name__ == "__main__":
    main()
