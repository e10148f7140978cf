"""The file that `--config` names: YAML of options and their values."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import UsageError

_NULL = "tag:yaml.org,2002:null"


class _Texts(yaml.BaseLoader):
    """Leaves values the texts that they are: a collection may be named 2024_01, 007 or no."""


_Texts.add_implicit_resolver(_NULL, re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])
_Texts.add_constructor(_NULL, lambda *_: None)


def read_config_file(path: str, options: Mapping[str, bool]) -> dict[str, str | list[str]]:
    """Gives what the file holds by the options' names, as a command line would have it: in texts.

    options: their names, with underscores as Python has them, and whether each takes several
    values. Raises UsageError for what is no YAML, no option, or several values for one.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        values = yaml.load(text, _Texts) or {}  # noqa: S506  # it makes nothing but texts
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        what = (
            getattr(error, "problem", None) or getattr(error, "strerror", None) or "not plain text"
        )
        raise UsageError(f"--config {path}: cannot be read as YAML: {what}") from error
    if not isinstance(values, dict):
        raise UsageError(f"--config {path}: expected `option: value` lines")
    given = {str(name).replace("-", "_"): value for name, value in values.items()}
    for name in given.keys() - options.keys():
        raise UsageError(
            f"--config {path}: no option {_shown(name)!r}; expected some of "
            + _shown(", ".join(sorted(options)))
        )
    return {
        name: _texts(value) if options[name] else _text(value, f"--config {path}: {_shown(name)}")
        for name, value in given.items()
        if value is not None
    }


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(each) for each in values if each is not None]


def _text(value: Any, place: str) -> str:
    if isinstance(value, list | dict):
        raise UsageError(f"{place}: expected one value, as on the command line, not several")
    return str(value)


def _shown(name: str) -> str:
    return name.replace("_", "-")
