"""The bare loop: photos in, vectors out, as fast as the models go.

One process a core, no framework, no store, no account. Nothing is checked: no limits, no damage,
no duplicates.
"""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pybase64

from benchmarks.loaded import Spent
from schemas.options import Inference
from schemas.records import UInt8Image
from transforms.embed_faces import BATCH_FACES, unit
from transforms.faces.alignment import align
from transforms.faces.base import FaceModel, Share
from transforms.faces.opencv_zoo import OpenCvZoo
from transforms.imaging import decode
from transforms.worker import cores

_LOADED_WITHIN_S = 120
STAGES = ("read", "decode", "detect", "align", "embed")
Stages = dict[str, float]


def bare_loop(payload: str, inference: Inference) -> Spent:
    """Gives what it takes from the first photo to the last vector, models loaded, on all cores.

    payload: Parquet of `face_base_64`. Raises EOFError where a process fails, which tells why.
    """
    context = multiprocessing.get_context("spawn")
    parts = cores()
    barrier, ends = context.Barrier(parts, timeout=_LOADED_WITHIN_S), []
    for part in range(parts):
        end, other = context.Pipe(duplex=False)
        arguments = (payload, part, parts, inference, barrier, other)
        context.Process(target=_work, args=arguments, daemon=True).start()
        other.close()  # the process has the only one now: where it fails, `recv` raises
        ends.append(end)
    done = [end.recv() for end in ends]
    span = min(start for start, *_ in done), max(end for _, end, *_ in done)
    return Spent(
        [span],
        sum(cpu for _, _, cpu, _ in done),
        {name: sum(part[name] for *_, part in done) for name in STAGES},
    )


def _work(
    payload: str, part: int, parts: int, inference: Inference, barrier: Any, end: Any
) -> None:
    cv2.setNumThreads(0)
    model = OpenCvZoo(inference=inference).load(Share(1, 1))
    model.recogniser.embed([np.zeros((112, 112, 3), np.uint8)] * BATCH_FACES)
    barrier.wait()
    began, cpu = time.monotonic(), time.process_time()
    stages = _embed_all(model, _photos(payload, part, parts))
    end.send((began, time.monotonic(), time.process_time() - cpu, stages))


def _photos(payload: str, part: int, parts: int) -> Iterator[str]:
    """Gives the photos of this part: the parts take turns, so that all end together."""
    first = part
    file = pq.ParquetFile(payload)
    for batch in file.iter_batches(64, columns=["face_base_64"], use_threads=False):
        for row in range(first, len(batch), parts):
            yield batch.column(0)[row].as_py()
        first = (first - len(batch)) % parts


def _embed_all(model: FaceModel, photos: Iterator[str]) -> Stages:
    spent, at = dict.fromkeys(STAGES, 0.0), time.perf_counter()
    crops: list[UInt8Image] = []

    def lap(stage: str) -> None:
        nonlocal at
        now = time.perf_counter()
        spent[stage] += now - at
        at = now

    for photo in photos:
        encoded = pybase64.b64decode(photo, validate=True)
        lap("read")
        pixels = decode(encoded)
        lap("decode")
        faces = model.detector.detect(pixels)
        lap("detect")
        if faces:
            crops.append(align(pixels, faces[0].landmarks, model.recogniser.crop_px))
        lap("align")
        if len(crops) == BATCH_FACES:
            _embed(model, crops)
            crops.clear()
            lap("embed")
    if crops:
        _embed(model, crops)
        lap("embed")
    return spent


def _embed(model: FaceModel, crops: Sequence[UInt8Image]) -> None:
    for vector in model.recogniser.embed(crops):
        unit(vector)
