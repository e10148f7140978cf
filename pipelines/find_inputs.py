"""INPUT arguments to files, in the order that the contract fixes."""

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from apache_beam.io.filesystems import FileSystems

from pipelines.filesystems import reason
from pipelines.run_folder import LOCK, MANIFEST
from schemas.errors import UsageError
from schemas.inputs import Form
from transforms.stores.edge import SEGMENTS, STAMP_FILE

_SUFFIXES = {
    ".parquet": Form.PARQUET,
    ".json": Form.JSON,
    **{
        line + packed: Form.JSONL
        for line in (".jsonl", ".ndjson")
        for packed in ("", ".gz", ".zst")
    },
}
# Such names Spark, Hive and others give to what is no data, or not yet, as _temporary.
_HIDDEN = (".", "_")
_OF_THE_DISK = "lost+found"  # at its top, and for root alone
_BELOW = re.compile(r"\*\*|[*?[].*/")  # in a pattern: more than one folder is looked into
_PACK = "`muster pack` makes a payload of a folder of photos, or of a CSV"


class FoundFile(NamedTuple):
    """A file to read. size: its bytes."""

    path: str
    form: Form
    size: int


@dataclass(frozen=True, slots=True)
class FoundInputs:
    """Files to read, and those passed over for their names."""

    files: tuple[FoundFile, ...]
    skipped: tuple[str, ...]


class _Match(NamedTuple):
    """form: None for what is passed over."""

    path: str
    form: Form | None
    size: int = 0


def find_inputs(arguments: Iterable[str]) -> FoundInputs:
    """Gives the files by argument, then by path bytes; one named twice counts once.

    Raises UsageError for an argument that names nothing, or a file of another suffix.
    """
    files: dict[str, FoundFile] = {}
    skipped: dict[str, None] = {}
    for argument in arguments:
        explicit, matches = _match(argument)
        for path, form, size in matches:
            _check_name(path)
            if form is not None:
                files.setdefault(_identity(path), FoundFile(path, form, size))
            elif explicit:
                raise UsageError(
                    f"input {path}: its suffix is not one of {', '.join(_SUFFIXES)}; {_PACK}"
                )
            else:
                skipped[path] = None
        if all(each.form is None for each in matches):
            raise UsageError(
                f"input {argument}: of its {len(matches)} files none is named as a payload "
                f"(*{', *'.join(_SUFFIXES)}, and not {'* or '.join(_HIDDEN)}*); {_PACK}"
            )
    passed_over = tuple(path for path in skipped if _identity(path) not in files)
    return FoundInputs(tuple(files.values()), passed_over)


def form_of(path: str) -> Form | None:
    """Gives the form that the suffix tells, if any."""
    return next((form for suffix, form in _SUFFIXES.items() if path.endswith(suffix)), None)


def _match(argument: str) -> tuple[bool, list[_Match]]:
    """Gives whether the argument is one file, and what it stands for."""
    if os.path.isfile(argument):  # also where its name looks like a glob
        return True, [_Match(argument, form_of(argument), os.path.getsize(argument))]
    if os.path.isdir(argument):
        found = _walk(argument, set())
        if not found:
            raise UsageError(
                f"input {argument}: the folder is empty, but for what runs and stores wrote"
            )
        return False, found
    if os.path.exists(argument):
        raise UsageError(f"input {argument}: is not a regular file, nor a folder")
    if "://" in argument and argument.endswith("/"):
        argument += "**"  # Beam makes `*` of it, which leaves subfolders out
    is_glob = any(each in argument for each in "*?[")
    found = _glob(argument)
    if not found and not is_glob and "://" in argument and not _has_folders(argument):
        found = _glob(f"{argument}/**")  # a folder of an object store
        is_glob = bool(found)
    if not found:
        kind = "the glob matches no file" if is_glob else "no such file or folder"
        raise UsageError(f"input {argument}: {kind}")
    return not is_glob, found


def _glob(pattern: str) -> list[_Match]:
    if "://" not in pattern:  # Beam finds nothing for a relative one such as *.jsonl
        pattern = re.sub("/+", "/", pattern)  # as glob gives what it finds
        _check_listed(pattern)
        paths = sorted(glob.glob(pattern, recursive=True, include_hidden=True), key=os.fsencode)
        through = pattern.endswith("/**") or pattern == "**"  # all folders, by itself
        found, visited = [], set[str]()
        for path in _without_ours(paths, pattern):
            hidden = _is_hidden(path, pattern)
            if not os.path.isdir(path):
                found.append(_sized(path, hidden))
            elif not through:
                found += [_Match(path, None)] if hidden else _walk(path, visited)
        return _in_order(found)
    if pattern.startswith("file://"):
        raise UsageError(f"input {pattern}: file:// is not read; name the local path")
    try:
        [result] = FileSystems.match([pattern])
    except Exception as error:  # each filesystem has its own; none is a crash of ours
        raise UsageError(
            f"input {pattern}: cannot be listed: {reason(error, pattern)}; what Beam needs for "
            'such a place stands in the README, "Input"'
        ) from error
    if _BELOW.search(pattern) and _has_folders(pattern):
        raise UsageError(
            f"input {pattern}: Beam looks into one folder there, and not below; name each, as "
            "day=1/*.parquet day=2/*.parquet"
        )
    return _in_order(
        _Match(each.path, _form(each.path, _is_hidden(each.path, pattern)), each.size_in_bytes)
        for each in result.metadata_list
    )


def _has_folders(pattern: str) -> bool:
    """True for a filesystem, as HDFS, of which Beam lists one folder at a time."""
    return bool(FileSystems.get_filesystem(pattern).has_dirs())


def _check_listed(pattern: str) -> None:
    """Raises UsageError for a folder to look into that cannot be listed: glob passes over it."""
    parts = pattern.split("/")
    for n, part in enumerate(parts):
        if not glob.has_magic(part) or parts[n - 1 : n] == ["**"]:  # all below was looked into
            continue
        above = "/".join(parts[: n + 1] if part == "**" else parts[:n])
        looked_into = f"{above}/" if n or part == "**" else "./"
        for folder in glob.iglob(looked_into, recursive=True, include_hidden=True):
            place = folder.rstrip("/")
            if os.path.basename(place) != _OF_THE_DISK and not _is_hidden(place, pattern):
                try:
                    os.scandir(folder).close()
                except OSError as error:
                    raise _unlisted(folder, error) from error


def _unlisted(folder: str, error: OSError) -> UsageError:
    return UsageError(f"input {folder}: cannot be listed: {error}")


def _is_hidden(path: str, pattern: str) -> bool:
    """True where a name that `**` went through, or came to, is one of the hidden ones."""
    if "**" not in pattern:
        return False
    names = path.split("/")[pattern[: pattern.index("**")].count("/") :]
    *spelt_out, last = pattern.split("/")
    if last.startswith(_HIDDEN):  # such ones are asked for
        names = names[:-1]
    return any(each.startswith(_HIDDEN) and each not in spelt_out for each in names)


def _without_ours(paths: Iterable[str], pattern: str) -> Iterator[str]:
    """Leaves out what runs and stores wrote where `**` went through all folders.

    What the pattern itself spells out, as in `runs/*/rejected/*`, was asked for.
    """
    spelt_out, went_through, _ = f"/{pattern}/".partition("/**/")
    depth = len(Path(spelt_out.removeprefix("/")).parts)
    ours = cache(lambda folder: _is_ours(os.listdir(folder)))
    for path in paths:
        folders = (each for each in Path(path).parents if len(each.parts) >= depth)
        if not (went_through and any(map(ours, folders))):
            yield path


def _walk(folder: str, visited: set[str]) -> list[_Match]:
    """Gives all files below a local folder, whose names may look like globs.

    Of a hidden folder itself alone. visited: real paths of folders that are passed over, to which
    those gone through are added: of several ways to one, the first by path bytes.
    """

    def refuse(error: OSError) -> None:
        if os.path.basename(error.filename) != _OF_THE_DISK:
            raise _unlisted(folder, error) from error

    found: list[_Match] = []
    for below, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        place = os.path.realpath(below)
        if place in visited or _is_ours([*folders, *names]):  # led there by a link, or not a user's
            folders.clear()
            continue
        visited.add(place)
        hidden = [name for name in folders if name.startswith(_HIDDEN)]
        others = (name for name in folders if not name.startswith(_HIDDEN))
        folders[:] = sorted(others, key=lambda name: os.fsencode(f"{name}/"))
        found += [_Match(os.path.join(below, name), None) for name in hidden]
        found += [_sized(os.path.join(below, name), name.startswith(_HIDDEN)) for name in names]
    return _in_order(found)


def _is_ours(names: Sequence[str]) -> bool:
    """True for what lies in a run folder or in an embedded collection."""
    return {MANIFEST, LOCK} <= set(names) or {STAMP_FILE, SEGMENTS} <= set(names)


def _sized(path: str, hidden: bool) -> _Match:
    form = _form(path, hidden)
    if form is None:  # whatever it is
        return _Match(path, None)
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise UsageError(f"input {path}: is not a regular file; remove it or name others")
        return _Match(path, form, os.path.getsize(path))
    except OSError as error:
        raise UsageError(f"input {path}: cannot be read: {error.strerror}") from error


def _form(path: str, hidden: bool) -> Form | None:
    return None if hidden else form_of(path)


def _in_order(found: Iterable[_Match]) -> list[_Match]:
    return sorted(found, key=lambda each: os.fsencode(each.path))


def _check_name(path: str) -> None:
    """Raises UsageError for a name that no record could tell, for records are UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"input {path!r}: its name is not UTF-8; rename it") from error


def _identity(path: str) -> str:
    return path if "://" in path else os.path.realpath(path)
