"""Checks every input file and cuts it into splits, without reading any image."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pipelines.cut_json import cut_json, cut_lines
from pipelines.cut_parquet import cut_parquet
from pipelines.file_cut import FileCut, Requests
from pipelines.find_inputs import FoundInputs
from schemas.inputs import Form, InputFile, Split
from transforms.inputs.streams import is_compressed

# Below so many splits a worker, each split is dealt to all workers.
_SPLITS_A_WORKER = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be read.

    person_rows: rows that are of no body. person_source: the first file that has any.
    unknown_fields: what no field of ours has, as far as it is known by now. cut_short: there are
    more rows than --limit allows, or may be. seen_whole: for that no input was left out, nor the
    end of one. ids_unread: inputs in whose ids damage was met.
    """

    inputs: tuple[InputFile, ...]
    splits: tuple[Split, ...]
    skipped_files: tuple[str, ...]
    unknown_fields: frozenset[str]
    person_rows: int
    person_source: str
    requests: Requests
    cut_short: bool
    seen_whole: bool = True
    ids_unread: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        """All rows of all inputs."""
        return sum(each.rows for each in self.splits)

    @property
    def bodies_alone(self) -> bool:
        """True where there is nothing but bodies."""
        return self.requests.number > 0 and not self.person_rows and self.seen_whole


def plan_splits(
    found: FoundInputs,
    columns: Mapping[str, str],
    max_row_bytes: int,
    rows_expected: bool = True,
    limit: float = float("inf"),
) -> Plan:
    """Gives the plan. Raises RefusedError for a file that cannot be read at all.

    rows_expected: person rows have a collection to go to. limit: rows that are enough.
    """
    cuts: dict[str, FileCut] = {}
    rows = 0
    for path, form, _ in found.files:
        if rows >= limit:
            break
        match form:
            case Form.PARQUET:
                cuts[path] = cut_parquet(path, columns)
            case Form.JSON:
                cuts[path] = cut_json(path, max_row_bytes)
            case Form.JSONL:
                cuts[path] = cut_lines(path, max_row_bytes, rows_expected, limit - rows)
        rows += sum(each.rows for each in cuts[path].splits)
    splits = tuple(_limited((s for cut in cuts.values() for s in cut.splits), limit))
    rows_of = Counter[str]()
    for split in splits:
        rows_of[split.source] += split.rows
    seen_whole = len(cuts) == len(found.files) and not any(each.cut_short for each in cuts.values())
    requests = Requests()
    for cut in cuts.values():
        requests.update(cut.requests)
    return Plan(
        inputs=tuple(
            InputFile(path, form, size, rows_of[path], cuts[path].requests.number)
            for path, form, size in found.files
            if path in cuts
        ),
        splits=splits,
        skipped_files=found.skipped,
        unknown_fields=frozenset().union(*(cut.unknown_fields for cut in cuts.values())),
        person_rows=sum(cut.person_rows for cut in cuts.values()),
        person_source=next((path for path, cut in cuts.items() if cut.person_rows), ""),
        requests=requests,
        cut_short=rows > limit or not seen_whole,
        seen_whole=seen_whole,
    )


def deal(splits: Iterable[Split], workers: int) -> Iterator[Split]:
    """Gives as many whole splits to each worker, and of what is left a part to each.

    What is left: too few for all, all where there are few, and those that cannot be read from their
    middle.
    """
    splits = list(splits)
    packed = [each for each in splits if is_compressed(each.path)]
    others = [each for each in splits if not is_compressed(each.path)]
    whole = len(others) - len(others) % workers
    if whole < _SPLITS_A_WORKER * workers:
        whole = 0
    yield from others[:whole]
    for split in packed + others[whole:]:
        for part in range(workers):
            yield replace(split, part=part, parts=workers)


def _limited(splits: Iterable[Split], limit: float) -> Iterator[Split]:
    """Numbers the splits, and ends with the one in which the limit is reached."""
    rows = 0
    for number, split in enumerate(splits):
        if rows >= limit:
            return
        if rows + split.rows >= limit:
            left = int(limit - rows)
            split = replace(split, rows=left, take=left)
        rows += split.rows
        yield replace(split, number=number)
