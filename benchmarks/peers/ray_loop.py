"""Ray Data: an actor a core embeds, ray-qdrant writes.

The clock starts with the actors' first batch (the mean of theirs) and stops when `write_qdrant`
returns: reading the file, which Ray does before, is not counted.
"""

import logging
from typing import Any

import numpy as np
import ray
from ray_qdrant import write_qdrant

from benchmarks.peers.faces import Faces
from benchmarks.peers.job import BATCH, COLLECTION, DIMENSION, VECTOR, Job, cores, measured
from schemas.ids import point_id

_BLOCK_ROWS = 2 * BATCH


class Embed:
    """The actor."""

    def __init__(self, job: Job) -> None:
        self._faces = Faces(job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Gives the points of a batch of rows."""
        vectors = self._faces.vectors(batch["face_base_64"])
        kept = [n for n, each in enumerate(vectors) if each is not None]
        return {
            "id": [point_id(each) for each in batch["person_id"][kept]],
            "vector": np.reshape([vectors[n] for n in kept], (-1, DIMENSION)),
            "person_id": batch["person_id"][kept],
            "person_name": batch["person_name"][kept],
        }


def enroll(job: Job) -> None:
    """Runs the pipeline."""
    ray.init(num_cpus=2 * cores(), include_dashboard=False, logging_level=logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.wait_for_min_actors_s = 60
    rows = ray.data.read_parquet(job.payload)
    points = rows.repartition(target_num_rows_per_block=_BLOCK_ROWS).map_batches(
        Embed,
        fn_constructor_args=(job,),
        batch_size=BATCH,
        compute=ray.data.ActorPoolStrategy(size=cores()),
        num_cpus=1,
    )
    write_qdrant(
        points,
        url=job.url,
        collection=COLLECTION,
        vector_name=VECTOR,
        client_kwargs={"check_compatibility": False},
    )


if __name__ == "__main__":
    job = Job.of_arguments()
    measured(job, lambda: enroll(job))
