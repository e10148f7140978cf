"""The job of `muster responses`: what the face server would have answered to each body."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from pipelines.account import record_lines
from pipelines.run_folder import MANIFEST, REPORT
from pipelines.workplace import RESULTS
from schemas.errors import Code, FailedError, UsageError, refusal_json
from schemas.inputs import COLLECTION_NAME, FACE_STORAGE_TYPE

_Json = Mapping[str, Any]
_REFUSING = {Code.NOT_FOUND, Code.INVALID_COLLECTION_NAME, Code.MODEL_MISMATCH}

# A part is a person's record or, under the row number -1, the whole response of a body.
# place: that of the source among the inputs.
_WHOLE = -1
_SCHEMA = """
    PRAGMA journal_mode = OFF; PRAGMA temp_store = FILE; PRAGMA cache_size = -16000;
    CREATE TABLE parts (place INT, request INT, row INT, part BLOB, doubled INT DEFAULT FALSE,
        PRIMARY KEY (place, request, row)) WITHOUT ROWID;
"""
_INSERT = """
    INSERT INTO parts (place, request, row, part) VALUES (?, ?, ?, ?)
    ON CONFLICT (place, request, row) DO UPDATE SET doubled = TRUE
"""
_NOT_WHOLE = """
    SELECT place, request FROM parts GROUP BY place, request HAVING max(doubled)
    OR NOT (max(row) = -1 OR (min(row) = 0 AND max(row) = count(*) - 1)) LIMIT 1
"""
_IN_ORDER = "SELECT place, request, row, part FROM parts ORDER BY place, request, row"
_AGAIN = "enroll the same inputs again, in a new folder"


def responses(run_dir: Path) -> Iterator[dict[str, Any]]:
    """Gives `source`, `request` and `response` of each body of a finished run, in input order.

    Holds one body's records at a time. Raises UsageError, before anything is given, for what is no
    run folder, an unfinished run, rows that were not read and records that are not whole, and
    FailedError where there is no room for it.
    """
    manifest, report = _read(run_dir / MANIFEST), _read(run_dir / REPORT)
    if why := _why_not(manifest, report):
        raise UsageError(f"{run_dir}: {why}")
    sources = [each["source"] for each in manifest["inputs"]]
    with closing(sqlite3.connect("")) as database:  # a file without a name: a kill leaves nothing
        try:
            database.executescript(_SCHEMA)
            database.executemany(_INSERT, _parts(run_dir, manifest, report))
        except sqlite3.Error as error:
            raise FailedError(
                f"{run_dir}: its records cannot be put in order: {error}; this takes their size in "
                "the folder that SQLITE_TMPDIR or TMPDIR names, else in /var/tmp"
            ) from error
        for place, request in database.execute(_NOT_WHOLE):
            gap = f"request {request} of {sources[place]} has not one record for each person"
            raise UsageError(f"{run_dir}: {gap}, so its response is not known; {_AGAIN}")
        for (place, request), parts in groupby(database.execute(_IN_ORDER), itemgetter(0, 1)):
            response = _response({row: json.loads(part) for _, _, row, part in parts})
            yield {"source": sources[place], "request": request, "response": response}


def _read(path: Path) -> _Json:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _why_not(manifest: _Json, report: _Json) -> str:
    """Gives why the run's responses cannot be told, or an empty text."""
    if "inputs" not in manifest:
        return f"no run folder, for no run's {MANIFEST} is in it; name the --run-dir of a run"
    if not report:
        return f"the run is unfinished: it has no {REPORT}; run the same enroll command again"
    if (number := report.get("rows_not_read")) != 0:
        rows = "an unknown number of rows" if number is None else f"{number} rows"
        return (
            f"{rows} were not read, responses would have gaps; {_AGAIN}, without --limit and with "
            "damaged inputs mended"
        )
    return ""


def _parts(run_dir: Path, manifest: _Json, report: _Json) -> Iterator[tuple[int, int, int, bytes]]:
    """Gives place, request, row and part. Raises UsageError where records are lost."""
    places = {each["source"]: place for place, each in enumerate(manifest["inputs"])}
    for each in manifest.get("empty_requests", []):
        response = refusal_json(each["code"]) if each["code"] else []
        yield places[each["source"]], each["request"], _WHOLE, json.dumps(response).encode()
    missing = counted = sum(report["codes"].values())
    for line in record_lines(run_dir):
        missing -= 1
        metadata = (record := json.loads(line))["metadata"]
        if "request" in metadata:  # else a person row, or damage to a file
            row = int(metadata.get("row", _WHOLE))
            part = json.dumps(refusal_json(record["code"])).encode() if row == _WHOLE else line
            yield places[metadata["source"]], int(metadata["request"]), row, part
    if missing:  # a body's last persons, or a whole body, would leave no gap
        why = f"{RESULTS}/ does not hold the {counted} records that {REPORT} counts"
        raise UsageError(f"{run_dir}: {why}; put it back as it was, or {_AGAIN}")


def _response(parts: Mapping[int, Any]) -> Any:
    records = [*parts.values()]
    if _WHOLE in parts:
        return records[0]
    return refusal_json(records[0]["code"]) if all(map(_is_refused, records)) else records


def _is_refused(record: _Json) -> bool:
    """True where not this person alone was refused, but the body."""
    if record["code"] == Code.UNPROCESSABLE_CONTENT:
        return record["metadata"].get("detail") in (COLLECTION_NAME, FACE_STORAGE_TYPE)
    return record["code"] in _REFUSING
