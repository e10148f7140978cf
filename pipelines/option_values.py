"""Values as people write them on a command line: sizes, durations, FIELD=NAME, schemes."""

import os
import re
from collections.abc import Iterable, Iterator
from fractions import Fraction

from schemas.errors import UsageError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(i?)B?|B)?", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")  # as RFC 3986 has it
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_size(text: str) -> int:
    """Reads `20MB`, `64MiB`, `50M` or `1000`.

    >>> parse_size("20MB"), parse_size("1KiB")
    (20000000, 1024)
    """
    if not (match := _SIZE.fullmatch(text)):
        raise UsageError(f"{text!r}; expected a size such as 20MB, 64MiB or 50M")
    number, power, binary = match.groups()
    base = 1024 if binary else 1000
    return int(Fraction(number) * base ** _POWERS.get((power or "").upper(), 0))


def parse_duration(text: str) -> float:
    """Reads `120s`, `2m`, `500ms` or `90` as seconds."""
    if not (match := _DURATION.fullmatch(text)):
        raise UsageError(f"{text!r}; expected a duration such as 120s, 2m or 1h")
    return float(match[1]) * _SECONDS[match[2] or "s"]


def parse_columns(pairs: Iterable[str]) -> dict[str, str]:
    """Reads FIELD=NAME pairs."""
    columns: dict[str, str] = {}
    for pair in pairs:
        field, equals, name = pair.partition("=")
        if not (field and equals and name):
            raise UsageError(f"--column {pair}: expected FIELD=NAME, as in person_id=EMP_NO")
        if field in columns:
            raise UsageError(f"--column {pair}: {field} is given twice; expected once")
        columns[field] = name
    return columns


def parse_schemes(text: str) -> tuple[str, ...]:
    """Reads `gs,s3`."""
    return tuple(sorted({each.strip().lower() for each in text.split(",")} - {""}))


def check_face_places(root: str, schemes: Iterable[str]) -> None:
    """Raises UsageError for places from which no image can be read."""
    if root and "://" not in root and not os.path.isdir(root):
        raise UsageError(f"--face-root {root}: no such folder")
    for option, scheme in face_schemes(root, schemes):
        if scheme == "file":
            raise UsageError(f"{option}: file:// is not read; name a local folder as --face-root")
        if not _SCHEME.fullmatch(scheme):  # Beam would take it for a path
            raise UsageError(f"{option}: {scheme!r} is no scheme; expected some as gs,s3")


def face_schemes(root: str, schemes: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Gives the schemes of URIs that may be read, each behind the option that names it."""
    if "://" in root:
        yield "--face-root", root.partition("://")[0].lower()
    for scheme in schemes:
        yield "--face-schemes", scheme
