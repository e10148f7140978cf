"""The documents against the program, and the tree against its own rules."""

import ast
import dataclasses
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import metadata, packages_distributions
from pathlib import Path
from typing import Any

import apache_beam as beam
import click
import pytest

import runner
from pipelines.config import EnrollConfig
from pipelines.file_cut import Requests
from pipelines.launch import beam_options
from pipelines.manifest import manifest
from pipelines.plan_splits import Plan
from schemas import exit_codes
from schemas.errors import MESSAGES, Code, Detail
from schemas.inputs import BodyHead, Form, InputFile
from schemas.options import FaceStorageType, Rules
from schemas.records import ACTION_MESSAGES
from schemas.report import Account, Report
from tests.fakes import NullPack, NullStoreSpec
from transforms.faces.opencv_zoo import OpenCvZoo

ROOT = Path(__file__).parents[1]
LAYERS = ("schemas", "transforms", "pipelines", "runner")  # each may import itself and those before
FOLDERS = ("schemas", "transforms", "pipelines", "tests", "benchmarks")
SIGNALS = (2, 15)
MAX_LINES = 400


@cache
def document(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(name: str, heading: str) -> str:
    """Gives what stands below a heading, up to the next of its level."""
    _, _, after = document(name).partition(f"\n## {heading}\n")
    assert after, f"{name} has no heading {heading!r}"
    return after.partition("\n## ")[0]


def table_rows(text: str) -> list[list[str]]:
    """Gives the cells of all Markdown table rows."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [
        [cell.strip().replace("\\|", "|") for cell in line.strip("|").split(" | ")]
        for line in lines
    ]


def quoted(text: str) -> list[str]:
    """Gives what stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def first_cells(text: str) -> set[str]:
    """Gives what stands in backticks in the first column of the tables."""
    return {name for row in table_rows(text) for name in quoted(row[0])}


def fenced(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document(name), re.DOTALL | re.MULTILINE)


def source_files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [*found, *ROOT.glob("*.py")]


def commands(
    command: click.Command = runner.muster, path: tuple[str, ...] = ("muster",)
) -> Iterator[tuple[str, click.Command]]:
    """Gives every command and group by its full name."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))


def options_of(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


# The README against the command line.


def test_every_command_and_option_is_told() -> None:
    rows = table_rows(section("README.md", "Other commands"))[2:]
    told = {quoted(row[0])[0]: set(quoted(row[2])) for row in rows}
    expected: dict[str, set[str]] = {}
    for name, command in commands():
        options = {each for option in options_of(command) for each in option.opts}
        if isinstance(command, click.Group):
            expected |= {f"{name} {option}": set() for option in options}
        elif command is not runner.enroll:  # it has a table of its own
            context = click.Context(command)
            arguments = [each for each in command.params if isinstance(each, click.Argument)]
            words = [name, *(each.make_metavar(context) for each in arguments)]
            expected[" ".join(words)] = options
    assert told == expected


def test_the_option_table_is_that_of_enroll() -> None:
    text = section("README.md", "Options of `enroll`")
    told = {each for each in first_cells(text) if each.startswith("-")}
    known = {name for option in options_of(runner.enroll) for name in option.opts}
    assert told == known | {"-h", "--help"}


def test_defaults_and_variables_are_as_told() -> None:
    rows = table_rows(section("README.md", "Options of `enroll`"))
    told = {name: row[1] for row in rows for name in quoted(row[0])}
    for option in options_of(runner.enroll):
        name = option.opts[-1]
        assert option.envvar == "MUSTER_" + name.removeprefix("--").upper().replace("-", "_")
        assert option.required == (told[name] == "required"), name
        if isinstance(option.default, str):
            assert told[name] == f"`{option.default}`"
        if isinstance(option.type, click.Choice):
            [row] = [each for each in rows if f"`{name}`" in each[0]]
            assert set(option.type.choices) <= set(quoted(" ".join(row))), name


def examples() -> list[str]:
    """Gives every `$ muster` line of the README's console blocks."""
    text = "\n".join(fenced("README.md", "console")).replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ muster ")]


@pytest.mark.parametrize("line", examples())
def test_examples_can_be_typed(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsed in full, option values and the YAML example too; nothing is run."""
    [yaml] = fenced("README.md", "yaml")
    (tmp_path / "job.yaml").write_text(yaml)
    monkeypatch.chdir(tmp_path)
    ours, beams = runner.split_arguments(shlex.split(line)[1:])
    command: click.Command = runner.muster
    while isinstance(command, click.Group):
        command = command.commands[ours.pop(0)]
    command.make_context(line, ours)
    beam_options(beams, 1)


def test_there_are_examples() -> None:
    assert any("enroll" in line for line in examples())
    assert any(" -- " in line for line in examples())


# The README against the codes.


def test_every_code_has_its_exact_message() -> None:
    rows = table_rows(section("README.md", "Codes"))
    told = {(code, row[1]) for row in rows for code in quoted(row[0])}
    messages = {Code.OK: " / ".join(ACTION_MESSAGES.values()), **MESSAGES}
    assert told == {(str(code), messages[code]) for code in Code}


def test_every_detail_is_told() -> None:
    told = quoted(section("README.md", "Codes"))
    details = {value for name, value in vars(Detail).items() if name.isupper()}
    assert details <= set(told)


def test_every_exit_code_is_told() -> None:
    codes = {name: value for name, value in vars(exit_codes).items() if isinstance(value, int)}
    base = codes.pop("SIGNAL_BASE")
    expected = {*codes.values(), *(base + number for number in SIGNALS)}
    told = {row[0] for row in table_rows(section("README.md", "Exit codes"))}
    assert {each for each in told if each.isdigit()} == {str(each) for each in expected}


# docs/run-folder.md against what is written.


def test_every_field_of_the_report_is_told() -> None:
    expected = {each.name for each in dataclasses.fields(Report)}
    expected |= {f"account.{each.name}" for each in dataclasses.fields(Account)}
    told = first_cells(section("docs/run-folder.md", "report.json"))
    assert {each for each in told if not each.startswith("stages.*")} == expected


def test_every_field_of_the_manifest_is_told() -> None:
    config = EnrollConfig(("in.parquet",), "run", "people", FaceStorageType.NO_STORAGE)
    requests = Requests(empty=[("in.json", BodyHead(0, "people"))])
    inputs = (InputFile("in.parquet", Form.PARQUET, 1, 1),)
    plan = Plan(inputs, (), (), frozenset(), 1, "in.parquet", requests, cut_short=False)
    written = manifest(config, NullPack(), NullStoreSpec(), plan, {"people": None})
    told = first_cells(section("docs/run-folder.md", "manifest.json"))
    expected = {*written, *written["options"]}
    expected |= {f"inputs[].{each}" for each in written["inputs"][0]}
    expected |= {f"empty_requests[].{each}" for each in written["empty_requests"][0]}
    expected |= {f"pack.{each}" for each in written["pack"]}
    expected |= {f"store.{each}" for each in written["store"]}
    expected |= {f"rules.{each.name}" for each in dataclasses.fields(Rules)}
    assert {each for each in told if not each.startswith("-")} == expected


# docs/dependencies.md against setup.py and what is installed.


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return found[0]


def setup_arguments() -> dict[str, Any]:
    """Gives setup.py's literals without running it."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    [call] = [
        each
        for each in ast.walk(tree)
        if isinstance(each, ast.Call)
        and isinstance(each.func, ast.Name)
        and each.func.id == "setup"
    ]
    return {each.arg: ast.literal_eval(each.value) for each in call.keywords if each.arg}


def required() -> list[str]:
    arguments = setup_arguments()
    extras = [each for extra in arguments["extras_require"].values() for each in extra]
    return [name_of(each) for each in [*arguments["install_requires"], *extras]]


def development_tools() -> list[str]:
    lines = document("requirements-dev.in").splitlines()
    return [name_of(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        pytest.param("At run time (`setup.py`)", required(), id="run_time"),
        pytest.param("For development (`requirements-dev.in`)", development_tools(), id="dev"),
    ],
)
def test_every_dependency_is_told_with_its_licence(heading: str, names: Sequence[str]) -> None:
    rows = table_rows(section("docs/dependencies.md", heading))
    told = {name: row[-1] for row in rows for name in quoted(row[0])}
    assert told.keys() == set(names)
    for name in names:
        if expression := metadata(name).get("License-Expression"):
            assert expression in told[name], name


def test_the_weights_are_those_of_the_pack() -> None:
    rows = table_rows(section("docs/dependencies.md", "Weights"))
    told = {row[1]: (row[2], quoted(row[3])) for row in rows}
    pack = OpenCvZoo()
    for role, file in (("detector", pack.detector), ("recogniser", pack.recogniser)):
        assert told[role] == (file.licence, [file.path, file.sha256])


def test_one_distribution_owns_cv2() -> None:
    """Two would overwrite each other's files (see docs/dependencies.md)."""
    assert set(packages_distributions()["cv2"]) == {"opencv-python-headless"}


# docs/architecture.md against the tree.


def test_the_places_that_architecture_names_exist() -> None:
    text = document("docs/architecture.md")
    modules = {path.name for path in source_files(*FOLDERS)}
    for name in re.findall(r"[\w./-]+\.py\b", text):
        assert (ROOT / name).is_file() if "/" in name else name in modules, name
    folders = {each for each in quoted(text) if each.endswith("/")}
    assert {each for each in folders if not (ROOT / each).is_dir()} == set()
    packages = {each.replace(".", "/") + "/" for each in setup_arguments()["packages"]}
    assert packages <= folders


def test_the_names_that_architecture_uses_exist() -> None:
    source = "\n".join(path.read_text() for path in source_files(*LAYERS[:-1]))
    words = set(re.findall(r"\w+", source))
    for name in quoted(document("docs/architecture.md")):
        if re.fullmatch(r"[A-Za-z_][\w.]*", name) and not hasattr(beam, name):
            assert set(name.split(".")) <= words, name


def test_setup_names_every_package() -> None:
    found = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for layer in LAYERS[:-1]
        for path in (ROOT / layer).rglob("__init__.py")
    }
    assert found == set(setup_arguments()["packages"])


def imported(path: Path) -> set[str]:
    """Gives the top-level packages that a file imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_go_one_way(layer: str) -> None:
    allowed = set(LAYERS[: LAYERS.index(layer) + 1])
    files = [ROOT / "runner.py"] if layer == "runner" else list((ROOT / layer).rglob("*.py"))
    assert files
    for path in files:
        wrong = imported(path) & {*LAYERS, *FOLDERS} - allowed
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_no_file_is_too_long() -> None:
    for path in source_files(*FOLDERS):
        lines = len(path.read_text().splitlines())
        assert lines <= MAX_LINES, f"{path.relative_to(ROOT)}: {lines} lines"


# All documents.


@pytest.mark.parametrize(
    "name", ["README.md", "CHANGELOG.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document(name)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        assert ((ROOT / name).parent / path).exists(), target
        if anchor:
            headings = re.findall(r"^## (.+)$", document("README.md"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
            assert anchor in slugs, target
