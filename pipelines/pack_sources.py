"""What `muster pack` takes: a folder of images, or a CSV of people. Gives who is in it."""

import csv
import io
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from pipelines.pack import Entry, Problem, Source, UnusableFileError, open_file
from schemas.errors import UsageError
from schemas.ids import PERSON_ID_MAX_BYTES, is_person_id
from schemas.inputs import FACE_URI, PERSON_ID, PERSON_NAME
from transforms.person_metadata import is_text

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff")

# A file with a longer one is no CSV, and is not taken into memory to find out.
_MAX_LINE = 4_000_000

# Of what stands in a CSV's cell for a path; after a missing quote that may be half the file.
_SHOWN_PATH = 300

_SHORT = {"id": PERSON_ID, "name": PERSON_NAME, "path": FACE_URI}
_KNOWN = {*_SHORT, *_SHORT.values()}
_EXPECTED = (
    "expected person_id (or id), person_name (or name), face_uri (or path) and any others, each "
    "named and once"
)
_BAD_ID = f"is no lawful id: 1 to {PERSON_ID_MAX_BYTES} bytes of UTF-8 without U+0000"


def source_of(path: Path) -> Source:
    """Gives what the path leads to: a folder of images, else a CSV."""
    return _folder(str(path)) if path.is_dir() else Source(partial(_manifest, str(path)))


def shown(path: str) -> str:
    """Gives the path as a message can hold it."""
    return path if path.isprintable() else repr(path)


def _folder(root: str) -> Source:
    images, problems, skipped = _walk(root)
    places = Counter(_named(root, image) for image in images)
    first: dict[str, str] = {}
    for person_id, place in places:
        other = first.setdefault(person_id, place)
        if not is_person_id(person_id):
            problems.append(f"{shown(place)}: its name {_BAD_ID}")
        elif other != place:
            problems.append(
                f"{shown(other)} and {shown(place)}: both give the id {shown(person_id)}, "
                "and may be two people; rename one"
            )
    if not images and not problems:
        problems = [f"{shown(root)}: no images; expected files *{', *'.join(IMAGE_SUFFIXES)}"]
    several = sum(number > 1 for number in places.values())
    return Source(partial(_in_folder, root, images, problems), skipped, several)


def _in_folder(
    root: str, images: Sequence[str], problems: Sequence[str]
) -> Iterator[Entry | Problem]:
    yield from map(Problem, problems)
    for path in images:
        person_id, _ = _named(root, path)
        yield Entry(person_id, person_id, (), path, shown(path))


def _named(root: str, image: str) -> tuple[str, str]:
    """Gives an image's id and what it is from: the folder, or the image itself on top."""
    folder, name = os.path.split(image)
    if folder == root:
        return os.path.splitext(name)[0], image
    return os.path.basename(folder), folder


def _walk(root: str) -> tuple[list[str], list[str], int]:
    """Gives the images by path bytes, what cannot be listed, and how many files are no images."""
    images: list[str] = []
    problems: list[str] = []
    skipped = 0
    below = [(root, frozenset[tuple[int, int]]())]
    while below:
        folder, above = below.pop()
        try:
            info = os.stat(folder)
            names = [each for each in os.listdir(folder) if not each.startswith(".")]
        except OSError as error:
            problems.append(f"{shown(folder)}: cannot be listed: {error.strerror}")
            continue
        here = (info.st_dev, info.st_ino)
        if here in above:  # a link that leads back
            continue
        for path in (os.path.join(folder, name) for name in names):
            if os.path.isdir(path):
                below.append((path, above | {here}))
            elif path.lower().endswith(IMAGE_SUFFIXES) or not os.path.exists(path):
                images.append(path)  # what a broken link led to may have been a person
            else:
                skipped += 1
    return sorted(images, key=os.fsencode), problems, skipped


def _manifest(path: str) -> Iterator[Entry | Problem]:
    """Gives the people of a CSV. Raises UsageError where it cannot be read as one."""
    told = shown(path)
    try:
        binary = open_file(path, sys.maxsize)
    except UnusableFileError as error:
        raise UsageError(f"{told}: {error}") from error
    with io.TextIOWrapper(binary, "utf-8-sig", errors="surrogateescape", newline="") as file:
        first_line = next((line for line in _lines(file, told) if line.strip("\r\n")), "")
        delimiter = max(",;\t", key=partial(_known_cells, first_line))
        file.seek(0)
        reader = csv.reader(_lines(file, told), delimiter=delimiter, strict=True)
        try:
            header = next((cells for cells in reader if cells), [])
        except csv.Error as error:
            raise UsageError(f"{told} line {reader.line_num}: {error}") from error
        columns = _columns(header, f"{told} line {reader.line_num}")
        nothing = True
        for cells in _rows(reader):
            nothing = False
            yield from _person(cells, columns, f"{told} line {reader.line_num}", path)
    if nothing:
        yield Problem(f"{told}: no rows after the header")


def _known_cells(line: str, delimiter: str) -> tuple[int, int]:
    """Gives how well the delimiter cuts a header: into columns that we know, and into many."""
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # which the reader of the whole file tells
        return 0, 0
    return sum(cell.strip().lower() in _KNOWN for cell in cells), len(cells)


def _lines(file: TextIO, told: str) -> Iterator[str]:
    while line := file.readline(_MAX_LINE + 1):
        if len(line) > _MAX_LINE:
            raise UsageError(
                f"{told}: a line is longer than {_MAX_LINE:,} characters; is it a CSV?"
            )
        yield line


def _columns(header: Sequence[str], place: str) -> list[str]:
    """Gives the columns' names in full. Raises UsageError, without cells that may be a person's."""
    names = [_SHORT.get(cell, cell) for cell in header]
    if not all(map(is_text, names)):
        raise UsageError(f"{place}: the header is not UTF-8; expected a CSV, or a folder of images")
    if len(set(names)) == len(names) and {*_SHORT.values()} <= set(names) and "" not in names:
        return names
    known = [repr(cell) for cell in header if cell.strip().lower() in _KNOWN]
    seen = f"{len(names)} columns, of which known: {', '.join(known) or 'none'}"
    again = [str(n) for n, name in enumerate(names, 1) if name in ("", *names[: n - 1])]
    if again:
        seen += f"; nameless or there before: column {', '.join(again)}"
    raise UsageError(f"{place}: the header has {seen}; {_EXPECTED}")


def _rows(reader: Iterator[list[str]]) -> Iterator[list[str] | csv.Error]:
    """Gives the lines' cells, and what is wrong with a line in place of them."""
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield error
        else:
            if cells:
                yield cells


def _person(
    cells: list[str] | csv.Error, columns: Sequence[str], place: str, manifest: str
) -> Iterator[Entry | Problem]:
    """Gives the entry, or all that is wrong; an entry as well where its image can be checked."""
    if isinstance(cells, csv.Error):
        yield Problem(f"{place}: {cells}")
    elif len(cells) != len(columns):
        yield Problem(f"{place}: {len(cells)} cells; the header has {len(columns)}")
    elif not all(map(is_text, cells)):
        yield Problem(f"{place}: not UTF-8")
    else:
        row = dict(zip(columns, cells, strict=True))
        person_id, name, path = row.pop(PERSON_ID), row.pop(PERSON_NAME), row.pop(FACE_URI)
        if not is_person_id(person_id):
            yield Problem(f"{place}: the id {_BAD_ID}")
        if not path:
            yield Problem(f"{place}: the path is empty")
        else:
            short = shown(path) if len(path) <= _SHOWN_PATH and path.isprintable() else "the image"
            metadata = tuple((key, value) for key, value in row.items() if value)
            full = os.path.join(os.path.dirname(manifest), path)
            yield Entry(person_id, name, metadata, full, f"{place}: {short}")
