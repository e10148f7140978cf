"""Says what an enrollment would do, from headers and ids alone."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from typing import Any

from pipelines.config import EnrollConfig
from pipelines.enroll import Job, prepared
from schemas.errors import Code
from schemas.ids import point_id
from schemas.inputs import PERSON_ID
from schemas.records import person_id_of
from transforms.faces.base import Pack
from transforms.read_rows import RowReader
from transforms.stores.base import MAX_REQUEST_POINTS, Store, StoreSpec


def dry_run(
    config: EnrollConfig, pack: Pack | None = None, store: StoreSpec | None = None
) -> dict[str, Any]:
    """Gives what `--dry-run` prints; writes nothing. Raises as `run` does before it writes.

    Whether a stored person would be updated or is unchanged is in the image, which is not read.
    """
    with prepared(config, pack, store) as (job, handle):
        known, new, unreadable = _compare_ids(job, handle)
        return {
            "dry_run": True,
            "collection_name": config.collection,
            "store": job.store.location,
            "pack": job.pack.stamp.pack,
            "inputs": [asdict(each) for each in job.plan.inputs],
            "skipped_files": list(job.plan.skipped_files),
            "rows": job.plan.rows,
            "would": {
                "enroll_or_reject": new,
                "update_or_leave_unchanged_or_reject": known,
                "reject": {Code.UNPROCESSABLE_CONTENT: unreadable} if unreadable else {},
            },
        }


def _compare_ids(job: Job, store: Store) -> tuple[int, int, int]:
    """Gives rows whose person is stored, rows whose person is not, and rows without an id."""
    known = new = unreadable = 0
    ids = _person_ids(job)
    while batch := list(islice(ids, MAX_REQUEST_POINTS)):
        points = [point_id(each) for each in batch if each is not None]
        stored = store.look_up(job.config.collection, points, ())
        known += sum(each in stored for each in points)
        new += sum(each not in stored for each in points)
        unreadable += len(batch) - len(points)
    return known, new, unreadable


def _person_ids(job: Job) -> Iterator[str | None]:
    config = job.config
    reader = RowReader(config.collection, config.columns, config.max_row_bytes, only=(PERSON_ID,))
    whole = [replace(each, parts=1) for each in job.plan.splits if each.part == 0]
    for split in whole:  # one reader: a part for each worker would read each file again
        for row in reader.read(split):
            yield person_id_of(row)
