"""Muster as `muster enroll` runs it, into a fresh embedded store or, with a URL, into the server.

The clock starts, the models warm, when a worker asks for the first row, and stops when the run is
over: results written, report made.
"""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.loaded import loaded
from benchmarks.peers.faces import RULES
from benchmarks.peers.job import COLLECTION, OPENVINO, Clock, Job, cores, measured
from pipelines.config import EnrollConfig
from pipelines.enroll import run
from schemas.inputs import Split
from schemas.options import EngineName, FaceStorageType, Inference
from schemas.records import Row
from transforms import read_rows
from transforms.faces.opencv_zoo import OpenCvZoo
from transforms.inputs.found import Reading
from transforms.stores.connect import store_spec


def enroll(job: Job) -> int:
    """Gives the number of persons enrolled."""
    # Its own choice for OpenVINO is that of the peers: ONNX Runtime detects, OpenVINO recognises.
    engine = EngineName.AUTO if job.engine == OPENVINO else EngineName(job.engine)
    pack = loaded(OpenCvZoo(inference=Inference(engine)), cores())
    _start_with_the_first_row(Clock(job.scratch))
    config = EnrollConfig(
        inputs=(job.payload,),
        collection=COLLECTION,
        face_storage_type=FaceStorageType.NO_STORAGE,
        run_dir=f"{job.scratch}/run",
        store=job.url or f"{job.scratch}/store",
        workers=cores(),
        rules=RULES,
    )
    return run(config, pack=pack).account.enrolled


def _start_with_the_first_row(clock: Clock) -> None:
    read_split = read_rows.read_split

    def timed(reading: Reading, split: Split) -> Iterator[Row]:
        clock.start()
        return read_split(reading, split)

    read_rows.read_split = timed


def _make_collection(job: Job) -> None:
    store = store_spec(job.url or str(Path(job.scratch, "store"))).open()
    store.create_collection(COLLECTION, OpenCvZoo().stamp)
    store.close()


if __name__ == "__main__":
    job = Job.of_arguments()
    _make_collection(job)
    measured(job, lambda: enroll(job))
