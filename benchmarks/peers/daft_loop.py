"""Daft: a class UDF embeds, daft-qdrant writes.

The clock starts with the UDF's first batch (the mean of its workers') and stops when
`write_qdrant` returns: reading the file, which Daft does before, is not counted.
"""

import daft
import daft_qdrant  # noqa: F401  # gives DataFrame its write_qdrant
from daft import DataType, Series

from benchmarks.peers.faces import Faces
from benchmarks.peers.job import BATCH, COLLECTION, VECTOR, Job, cores, measured
from schemas.ids import point_id

_POINT = DataType.struct(
    {
        "id": DataType.string(),
        "vector": DataType.struct({VECTOR: DataType.list(DataType.float32())}),
    }
)


@daft.cls(max_concurrency=cores(), use_process=True)
class Embed:
    """The UDF: an instance a core."""

    def __init__(self, job: Job) -> None:
        self._faces = Faces(job)

    @daft.method.batch(return_dtype=_POINT, unnest=True, batch_size=BATCH)  # type: ignore[untyped-decorator]
    def points(self, person_id: Series, face_base_64: Series) -> list[dict[str, object]]:
        """Gives id and vector of each photo; a null id, which is not stored, without a face."""
        vectors = self._faces.vectors(face_base_64.to_pylist())
        return [
            {"id": None, "vector": None}
            if vector is None
            else {"id": point_id(person), "vector": {VECTOR: vector.tolist()}}
            for person, vector in zip(person_id, vectors, strict=True)
        ]


def enroll(job: Job) -> None:
    """Runs the query."""
    rows = daft.read_parquet(job.payload).select("person_id", "person_name", "face_base_64")
    points = Embed(job).points(rows["person_id"], rows["face_base_64"])
    rows.select("person_id", "person_name", points).write_qdrant(
        COLLECTION, url=job.url, client_kwargs={"check_compatibility": False}
    )


if __name__ == "__main__":
    job = Job.of_arguments()
    measured(job, lambda: enroll(job))
