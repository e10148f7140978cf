"""Apache Beam's own parts: ReadFromParquet, RunInference, its Qdrant sink; FnApiRunner.

The clock starts with the first batch (the mean of the workers') and stops when the pipeline is
done: reading the file, a stage of its own before, is not counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, PredictionResult, RunInference
from apache_beam.ml.rag.ingestion.base import VectorDatabaseWriteTransform
from apache_beam.ml.rag.ingestion.qdrant import QdrantConnectionParameters, QdrantWriteConfig
from apache_beam.ml.rag.types import Content, EmbeddableItem, Embedding
from apache_beam.options.pipeline_options import PipelineOptions

from benchmarks.peers.faces import Faces
from benchmarks.peers.job import BATCH, COLLECTION, VECTOR, Job, cores, measured
from schemas.ids import point_id

Row = Mapping[str, str]


class FacesHandler(ModelHandler[Row, PredictionResult, Faces]):
    """Photos to vectors."""

    def __init__(self, job: Job) -> None:
        super().__init__(min_batch_size=BATCH, max_batch_size=BATCH)
        self._job = job

    def load_model(self) -> Faces:
        """Loads what the threads of a process share."""
        return Faces(self._job, callers=cores())

    def run_inference(
        self, batch: Sequence[Row], model: Faces, inference_args: dict[str, Any] | None = None
    ) -> Iterable[PredictionResult]:
        """Gives the vector of each row's photo, None without a face."""
        del inference_args
        vectors = model.vectors([each["face_base_64"] for each in batch])
        return map(PredictionResult, batch, vectors)


def item(result: PredictionResult) -> Iterable[EmbeddableItem]:
    """Gives what the sink takes, nothing without a face."""
    row: Any = result.example
    vector: Any = result.inference
    if vector is not None:
        yield EmbeddableItem(
            content=Content(),
            id=point_id(row["person_id"]),
            metadata={name: row[name] for name in ("person_id", "person_name")},
            embedding=Embedding(dense_embedding=vector.tolist()),
        )


def enroll(job: Job) -> None:
    """Runs the pipeline."""
    options = PipelineOptions(
        [],
        runner="FnApiRunner",
        direct_running_mode="in_memory",  # threads: nothing is pickled, one model is held
        direct_num_workers=cores(),
    )
    sink = QdrantWriteConfig(
        QdrantConnectionParameters.for_url(job.url), COLLECTION, dense_embedding_key=VECTOR
    )
    with beam.Pipeline(options=options) as pipeline:
        _ = (
            pipeline
            | beam.io.ReadFromParquet(
                job.payload, columns=["person_id", "person_name", "face_base_64"]
            )
            | beam.Reshuffle()  # one file is one bundle, which one worker would have alone
            | RunInference(FacesHandler(job))
            | beam.FlatMap(item)
            | VectorDatabaseWriteTransform(sink)
        )


if __name__ == "__main__":
    job = Job.of_arguments()
    measured(job, lambda: enroll(job))
