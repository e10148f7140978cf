"""Runs the real command and reads back what it left."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import runner
from schemas.ids import point_id
from transforms.stores.base import Point
from transforms.stores.connect import connected, store_spec

COLLECTION = "people"


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one line of JSON on stdout."""
        [line] = self.stdout.splitlines()
        return json.loads(line)


class Muster:
    """The command, in this process: everything but the interpreter's start is real."""

    def __init__(self, capture: pytest.CaptureFixture[str], folder: Path) -> None:
        self._capture, self.folder = capture, folder
        self.store = str(folder / "store")

    def __call__(self, *arguments: object) -> Finished:
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            runner.main([str(each) for each in arguments])
        out, err = self._capture.readouterr()
        return Finished(int(ended.value.code or 0), out, err)

    def create(self, name: str = COLLECTION) -> None:
        assert self("collections", "create", name, "--store", self.store).code == 0

    def enroll(self, run: str, *arguments: object, storage: str = "NoStorage") -> Finished:
        return self("enroll", *arguments, *self.options(run, storage))

    def options(self, run: str, storage: str = "NoStorage") -> list[str]:
        return [
            *("--collection", COLLECTION, "--face-storage-type", storage),
            *("--store", self.store, "--run-dir", str(self.folder / run)),
        ]

    def records(self, run: str) -> list[Mapping[str, Any]]:
        return read_records(self.folder / run)

    def report(self, run: str) -> Mapping[str, Any]:
        return dict(json.loads((self.folder / run / "report.json").read_text()))

    def stored(self, *person_ids: str) -> dict[str, Point]:
        return stored_persons(self.store, person_ids)


def read_records(run: Path) -> list[Mapping[str, Any]]:
    """Gives a run's result records, by source, request and row."""
    files = sorted((run / "results").glob("results-*-of-*.jsonl"))
    records = [
        json.loads(line) for each in files for line in each.read_text("utf-8").split("\n")[:-1]
    ]
    return sorted(records, key=_place)


def _place(record: Mapping[str, Any]) -> tuple[str, int, int]:
    metadata = record["metadata"]
    return metadata["source"], int(metadata.get("request", -1)), int(metadata.get("row", -1))


def outcomes(records: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Gives person_id -> (code, action or detail)."""
    found = {}
    for each in records:
        metadata = each["metadata"]
        what = metadata.get("action", metadata.get("detail", ""))
        found[metadata["person_id"]] = (each["code"], what)
    return found


def stored_persons(store: str, person_ids: Sequence[str]) -> dict[str, Point]:
    """Gives the stored points of those persons that the store holds."""
    with connected(store_spec(store)) as handle:
        found = {each: handle.get(COLLECTION, point_id(each)) for each in person_ids}
    return {each: point for each, point in found.items() if point is not None}


@contextmanager
def started(
    *arguments: object,
    cwd: Path | None = None,
    stdin: int | None = None,
    stderr: int = subprocess.PIPE,
    **environment: str,
) -> Iterator[subprocess.Popen[str]]:
    """Starts the installed console script as a process of its own."""
    script = Path(sys.executable).parent / "muster"
    process = subprocess.Popen(
        [script, *map(str, arguments)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        cwd=cwd,
        env=os.environ | environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
