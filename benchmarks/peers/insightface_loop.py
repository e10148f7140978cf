"""The InsightFace library's own loop: `FaceAnalysis.get`, photo after photo, to the vector.

ONNX Runtime with its defaults, which use all cores; det_size as the library's users give it.
The clock starts, the models warm, with the first row and stops with the last vector.
"""

import base64
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
from insightface.app import FaceAnalysis

from benchmarks.peers.job import BATCH, Clock, Job, measured

_DETECTOR_SIZE = (640, 640)


def enroll(job: Job) -> int:
    """Gives the number of vectors."""
    pack = Path(job.scratch, "pack")
    pack.mkdir()
    shutil.copy(Path(job.models, "sface.onnx"), pack)
    (pack / "scrfd.onnx").symlink_to(job.scrfd)
    faces = FaceAnalysis(name=str(pack), providers=["CPUExecutionProvider"])
    faces.prepare(ctx_id=-1, det_size=_DETECTOR_SIZE)
    [first] = next(pq.ParquetFile(job.payload).iter_batches(1, columns=["face_base_64"]))
    faces.get(_decode(first[0].as_py()))
    vectors = []
    Clock(job.scratch).start()
    for batch in pq.ParquetFile(job.payload).iter_batches(BATCH, columns=["face_base_64"]):
        for photo in batch["face_base_64"].to_pylist():
            vectors += [each.normed_embedding for each in faces.get(_decode(photo), max_num=1)]
    return len(vectors)


def _decode(photo: str) -> Any:
    """Gives (height, width, 3) uint8 BGR, as the library takes it."""
    return cv2.imdecode(np.frombuffer(base64.b64decode(photo), np.uint8), cv2.IMREAD_COLOR)


if __name__ == "__main__":
    job = Job.of_arguments()
    measured(job, lambda: enroll(job))
