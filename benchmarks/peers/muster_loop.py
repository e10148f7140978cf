"""Muster as `muster enroll` runs it, into a fresh embedded store or, with a URL, into the server.

The models warm, the clock runs while the job plans and compares ids, from when a worker asks for
the first row until the last record is in its file, and while records are counted.
"""

from benchmarks.fresh_store import fresh_store
from benchmarks.loaded import loaded, timed_run
from benchmarks.peers.faces import RULES
from benchmarks.peers.job import COLLECTION, OPENVINO, Job, cores, tell
from pipelines.config import EnrollConfig
from schemas.options import EngineName, FaceStorageType, Inference
from transforms.faces.opencv_zoo import OpenCvZoo


def enroll(job: Job) -> None:
    """Enrolls the photos and tells how long it took."""
    # Its own choice for OpenVINO is that of the peers: ONNX Runtime detects, OpenVINO recognises.
    engine = EngineName.AUTO if job.engine == OPENVINO else EngineName(job.engine)
    pack = loaded(OpenCvZoo(inference=Inference(engine)), cores())
    spec = fresh_store(job.url or f"{job.scratch}/store", COLLECTION, pack.stamp)
    config = EnrollConfig(
        inputs=(job.payload,),
        collection=COLLECTION,
        face_storage_type=FaceStorageType.NO_STORAGE,
        run_dir=f"{job.scratch}/run",
        workers=cores(),
        rules=RULES,
    )
    report, spent = timed_run(config, pack, spec)
    tell(spent.seconds, report.account.enrolled)


if __name__ == "__main__":
    enroll(Job.of_arguments())
