"""The records of a run against how the rows of the corpus must end."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.corpus.make import Ends


def wrong(records: Sequence[Mapping[str, Any]], expected: Ends) -> list[str]:
    """Gives a line for each row that ended otherwise; records: by source and row."""
    found: dict[str, list[tuple[str, str]]] = {source: [] for source in expected}
    for each in records:
        metadata = each["metadata"]
        if metadata["source"] in expected:
            how = metadata.get("action", metadata.get("detail", ""))
            found[metadata["source"]].append((each["code"], how))
    return [
        f"{source} row {n}: {ended}, expected {tuple(wanted)}"
        for source, ends in expected.items()
        for n, (ended, wanted) in enumerate(
            zip(_padded(found[source], ends), _padded(ends, found[source]), strict=True)
        )
        if tuple(ended) != tuple(wanted)
    ]


def _padded(some: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    return [*some, *[("nothing", "")] * (len(others) - len(some))]
