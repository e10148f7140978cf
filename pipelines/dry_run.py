"""Says what an enrollment would do, from headers and ids alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipelines.config import EnrollConfig
from pipelines.duplicates import without_duplicates
from pipelines.enroll import Job, prepared
from pipelines.report import all_refused
from schemas.errors import Code
from schemas.ids import point_id
from schemas.records import Row, person_id_of
from transforms.batches import by_collection
from transforms.faces.base import Pack
from transforms.read_rows import read_split
from transforms.stores.base import MAX_REQUEST_POINTS, Store, StoreSpec


@dataclass
class _Verdicts:
    """How many rows would end how. known, new: whether the store has the person.

    damaged: files with a record that tells of damage.
    """

    known: int = 0
    new: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    damaged: set[str] = field(default_factory=set)


def dry_run(
    config: EnrollConfig, pack: Pack | None = None, store: StoreSpec | None = None
) -> dict[str, Any]:
    """Gives what `--dry-run` prints; writes nothing but a pack that has to be downloaded.

    Raises as `run` does before it writes. Whether a stored person would be updated or is unchanged
    is in the image, which is not read.
    """
    with prepared(config, pack, store) as (job, handle):
        verdicts = _verdicts(job, handle)
        requests = job.plan.requests
        refused = requests.refused(job.bodies_into)
        return {
            "dry_run": True,
            "collection_name": config.collection,
            "store": job.store.location,
            "pack": job.pack.stamp.pack,
            "inputs": [asdict(each) for each in job.plan.inputs],
            "skipped_files": list(job.plan.skipped_files),
            "rows": job.plan.rows,
            "requests": requests.number,
            "requests_refused": dict(sorted(refused.items())),
            "all_refused": all_refused(job.plan, refused),
            "damaged_inputs": len(verdicts.damaged),
            "would": {
                "enroll_or_reject": verdicts.new,
                "update_or_leave_unchanged_or_reject": verdicts.known,
                "reject": dict(sorted(verdicts.rejected.items())),
            },
        }


def _verdicts(job: Job, store: Store) -> _Verdicts:
    verdicts = _Verdicts()

    def look_up(collection: str, rows: Sequence[Row]) -> Sequence[bool]:
        points = [point_id(str(person_id_of(each))) for each in rows]
        stored = store.look_up(collection, points, ())
        return [each in stored for each in points]

    rows = _rows(job)
    while batch := list(islice(rows, MAX_REQUEST_POINTS)):
        sound = []
        for row in batch:
            if row.fault is not None:
                verdicts.rejected[row.fault.code] += 1
                if row.ref.is_damage:
                    verdicts.damaged.add(row.ref.source)
            elif person_id_of(row) is None:
                verdicts.rejected[Code.UNPROCESSABLE_CONTENT] += 1
            else:
                sound.append(row)
        known = sum(by_collection(sound, look_up))
        verdicts.known += known
        verdicts.new += len(sound) - known
    return verdicts


def _rows(job: Job) -> Iterator[Row]:
    """Gives all rows with their ids alone, losers among them with that fault."""
    reading = job.reading.ids_alone()
    with TemporaryDirectory() as folder:
        policy = job.config.on_duplicate_id
        plan = without_duplicates(job.plan, reading, policy, Path(folder) / "losers")
        for split in plan.splits:
            yield from read_split(reading, split)
