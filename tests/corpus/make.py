"""Writes the corpus to a folder, with how each row must end beside it.

python -m tests.corpus.make DIR [--heavy]

rows.jsonl           what stands in a line
faces.parquet        the same images as bytes
files/               what is a file of its own
expected.json        file -> (code, action or detail) of each of its rows, in their order
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tests.builders import write_parquet
from tests.corpus import broken, files, odd, posing, sizes, texts
from tests.corpus.case import Case
from tests.payloads import write_lines

CLASSES = {
    module.__name__.rpartition(".")[2]: module for module in (sizes, broken, odd, posing, texts)
}
Ends = dict[str, list[tuple[str, str]]]


def cases() -> dict[str, list[Case]]:
    """Gives class -> cases."""
    return {name: module.cases() for name, module in CLASSES.items()}


def write_corpus(folder: Path, heavy: bool = False) -> Ends:
    """Writes the files; gives path -> how its rows end."""
    folder.mkdir(parents=True)
    of_files = files.files() + (files.heavy() if heavy else [])
    rows = [each for of_class in cases().values() for each in of_class]
    rows += sizes.heavy() if heavy else []
    expected = {
        **_write_rows(folder, rows),
        **(_write_faces(folder, rows) if heavy else {}),
        **_write_files(folder / "files", of_files),
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1))
    return expected


def _write_rows(folder: Path, rows: Sequence[Case]) -> Ends:
    lines = write_lines(folder / "rows.jsonl", [each.line for each in rows])
    return {str(lines): [each.ends for each in rows]}


def _write_faces(folder: Path, rows: Sequence[Case]) -> Ends:
    of_images = [(each.image, each.ends) for each in rows if each.image is not None]
    table = pa.table(
        {
            "person_id": [f"face {n}" for n in range(len(of_images))],
            "person_name": ["x"] * len(of_images),
            "face": pa.array([image for image, _ in of_images], pa.binary()),
        }
    )
    return {write_parquet(folder / "faces.parquet", table): [ends for _, ends in of_images]}


def _write_files(folder: Path, of_files: Sequence[files.HostileFile]) -> Ends:
    folder.mkdir()
    for each in of_files:
        (folder / each.name).write_bytes(each.content)
    return {str(folder / each.name): list(each.ends) for each in of_files}


def main() -> None:
    """Writes the corpus, and prints how many cases each class has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--heavy", action="store_true")
    arguments = parser.parse_args()
    write_corpus(arguments.folder, arguments.heavy)
    counts = Counter({name: len(each) for name, each in cases().items()})
    counts["files"] = len(files.files())
    for name, number in {**counts, "in all": counts.total()}.items():
        print(f"{name:<10}{number:>6}")


if __name__ == "__main__":
    main()
