"""What a run must leave behind, told from its inputs alone."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas.options import MultipleFaces, OnDuplicateId
from tests.fuzz.inputs import COLLECTION, InputFile, Row
from tests.fuzz.verdicts import DUPLICATE, GOOD, MULTIPLE, OK, Verdict

# source, request, row, collection, person_id, code, detail
Record = tuple[str, int | None, int | None, str, str | None, str, str]


def needs_collection(files: Sequence[InputFile]) -> bool:
    """True where there are rows of no body."""
    rows = [row for each in files for row in each.rows]
    return any(each.request is None and each.row is not None for each in rows)


def expected_records(
    files: Sequence[InputFile],
    policy: OnDuplicateId = OnDuplicateId.LAST,
    multiple_faces: MultipleFaces = MultipleFaces.REJECT,
    limit: int | None = None,
) -> "Counter[Record]":
    """Gives every record, once for each row."""
    default = COLLECTION if needs_collection(files) else ""
    rows = [row for each in files for row in each.rows][:limit]
    losers = _losers(rows, policy)
    records = Counter[Record]()
    for n, row in enumerate(rows):
        if row.lost:
            continue
        code, detail = losers.get(n, row.verdict)
        if code == MULTIPLE and multiple_faces is not MultipleFaces.REJECT:
            code, detail = GOOD
        collection = default if row.collection is None else row.collection
        records[row.source, row.request, row.row, collection, row.person_id, code, detail] += 1
    return records


def _losers(rows: Sequence[Row], policy: OnDuplicateId) -> dict[int, Verdict]:
    """Gives the verdict of those rows whose id another row has, by place."""
    alike = defaultdict(list)
    for n, row in enumerate(rows):
        if row.has_id:
            alike[row.collection or COLLECTION, row.person_id].append(n)
    verdicts = {}
    for places in alike.values():
        if policy is OnDuplicateId.REJECT:
            verdicts |= {n: (DUPLICATE, "") for n in places if len(places) > 1}
        else:
            winner = places[-1 if policy is OnDuplicateId.LAST else 0]
            verdicts |= {n: (DUPLICATE, _name(rows[winner])) for n in places if n != winner}
    return verdicts


def _name(row: Row) -> str:
    request = "" if row.request is None else f" request {row.request}"
    return f"{row.source}{request} row {row.row}"


def actual_records(
    records: Sequence[Mapping[str, Any]], policy: OnDuplicateId = OnDuplicateId.LAST
) -> "Counter[Record]":
    """Gives what the result records say, in the same words."""
    found = Counter[Record]()
    for each in records:
        metadata = each["metadata"]
        code, detail = each["code"], metadata.get("detail", "")
        if code == DUPLICATE:  # under `reject` it names any other row
            detail = "" if policy is OnDuplicateId.REJECT else Path(detail).name
        request, row = (_number(metadata.get(name)) for name in ("request", "row"))
        place = (Path(metadata["source"]).name, request, row, metadata["collection_name"])
        found[*place, metadata.get("person_id"), code, detail] += 1
    return found


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def enrolled(records: "Counter[Record]") -> "Counter[tuple[str, str | None]]":
    """Gives (collection, person_id) of all that ended well."""
    found = Counter[tuple[str, str | None]]()
    for (_, _, _, collection, person_id, code, _), number in records.items():
        if code == OK:
            found[collection, person_id] += number
    return found
