"""What a finished run leaves in its folder and in the store, and how two such differ."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tests.command import COLLECTION, read_records, stored_persons
from tests.soak.payload import Payload
from transforms.stores.base import Point
from transforms.stores.connect import connected, store_spec

_NAMES = {".lock", "manifest.json", "rejected", "report.json", "results"}
_RESULTS = re.compile(r"results-\d{5}-of-\d{5}\.jsonl")
_COSINE = 0.99999


@dataclass(frozen=True)
class Aftermath:
    """What a finished run leaves. rejected: the ids of the rows that are kept."""

    records: Sequence[Mapping[str, Any]]
    report: Mapping[str, Any]
    rejected: Sequence[str]
    files: Sequence[str]
    num_persons: int | None
    persons: Mapping[str, Point]


def aftermath(run: Path, store: str, payload: Payload) -> Aftermath:
    """Reads all of it."""
    with connected(store_spec(store)) as handle:
        collection = handle.find_collection(COLLECTION)
    kept = [id_ for each in _kept(run) for id_ in pq.read_table(each)["person_id"].to_pylist()]
    return Aftermath(
        records=read_records(run),
        report=json.loads((run / "report.json").read_text()),
        rejected=sorted(kept),
        files=[str(each.relative_to(run)) for each in run.rglob("*")],
        num_persons=collection.num_persons if collection else None,
        persons=stored_persons(store, (*payload.good, *payload.bad)),
    )


def differences(expected: Aftermath, left: Aftermath) -> list[str]:
    """Says in what the aftermath is not that of the run that nobody killed."""
    return [*_folder_differences(expected, left), *_store_differences(expected, left)]


def not_whole(run: Path) -> list[str]:
    """Names the files that have a final name and cannot be read to their end."""
    readers = {".json": _read_json, ".jsonl": _read_lines, ".parquet": pq.read_table}
    found = []
    for path in [*run.glob("*.json"), *run.glob("results/*.jsonl"), *_kept(run)]:
        try:
            readers[path.suffix](path)
        except Exception as error:  # whatever is wrong with it
            found.append(f"{path.name} is not whole: {error}")
    return found


def _kept(run: Path) -> Sequence[Path]:
    return [*run.glob("rejected/*.parquet")]


def _read_json(path: Path) -> None:
    json.loads(path.read_text())


def _read_lines(path: Path) -> None:
    *lines, last = path.read_text().split("\n")
    if last:
        raise ValueError("its last line is cut")
    for line in lines:
        json.loads(line)


def _folder_differences(expected: Aftermath, left: Aftermath) -> Iterator[str]:
    account = dict(left.report["account"])
    rows = account.pop("rows_read")
    outcomes = [*account.pop("rejected").values(), *account.values()]
    if not rows == sum(outcomes) == len(left.records) == len(expected.records):
        yield f"the account does not close: {left.report['account']}"
    if left.report["status"] != "finished":
        yield f"the report says {left.report['status']}"
    if [*map(_told, left.records)] != [*map(_told, expected.records)]:
        yield "the records tell of other outcomes"
    if left.rejected != expected.rejected:
        yield f"kept of the rejected rows: {left.rejected}"
    for each in left.files:
        folder, _, name = each.rpartition("/")
        lawful = {
            "": name in _NAMES,
            "results": _RESULTS.fullmatch(name) is not None,
            "rejected": name.endswith(".parquet"),
        }
        if not lawful.get(folder, False):
            yield f"left over: {each}"


def _told(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a record says of its row, whichever run did the work."""
    metadata = record["metadata"]
    names = ("row", "person_id", "point_id", "detail", "detection_score")
    return record["code"], *(metadata.get(each) for each in names)


def _store_differences(expected: Aftermath, left: Aftermath) -> Iterator[str]:
    if left.num_persons != expected.num_persons:
        yield f"{left.num_persons} persons in the store, expected {expected.num_persons}"
    if left.persons.keys() != expected.persons.keys():
        yield f"other persons: {sorted(left.persons.keys() ^ expected.persons.keys())}"
        return
    for person, point in expected.persons.items():
        found = left.persons[person]
        if _lasting(found) != _lasting(point):
            yield f"{person} has another payload"
        if float(np.dot(found.vector, point.vector)) < _COSINE:
            yield f"{person} has another vector"


def _lasting(point: Point) -> Mapping[str, Any]:
    """Gives the payload apart from when it was written."""
    return {key: value for key, value in point.payload.items() if key != "updated_at"}
