"""A whole job with its models loaded beforehand, timed from the first row read to the last record.

So that a job and a bare loop are compared by what they do for a photo: models, imports and the
start of Beam are the same for ten photos and for ten million.
"""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
from apache_beam.io.filebasedsink import FileBasedSinkWriter

from pipelines.config import EnrollConfig
from pipelines.enroll import run
from schemas.report import Report
from schemas.stamp import Stamp
from transforms import read_rows
from transforms.embed_faces import BATCH_FACES
from transforms.faces.base import FaceModel, Pack, Share
from transforms.faces.calibration import Calibration
from transforms.stores.base import StoreSpec
from transforms.worker import inference_share, memory_returned, prepare_process

_MODELS: dict[str, FaceModel] = {}  # by pack: Beam pickles packs, and may not pickle these


@dataclass(frozen=True)
class LoadedPack:
    """A pack whose models are loaded in this process, and have run."""

    stamp: Stamp
    precision: str
    calibration: Calibration | None = None

    def load(self, _: Share) -> FaceModel:
        """Gives what was loaded."""
        return _MODELS[self.stamp.pack]


def loaded(pack: Pack, workers: int) -> LoadedPack:
    """Loads the models of a pack, for so many workers, once a process, and runs them at once."""
    prepare_process()
    with memory_returned():
        model = _MODELS[pack.stamp.pack] = pack.load(inference_share(workers))
    crop = np.zeros((model.recogniser.crop_px, model.recogniser.crop_px, 3), np.uint8)
    with ThreadPoolExecutor(workers) as callers:
        list(callers.map(model.recogniser.embed, [[crop] * BATCH_FACES] * workers))
    return LoadedPack(pack.stamp, pack.precision)


@dataclass(frozen=True, slots=True)
class Spent:
    """began, ended: by `time.monotonic`. stages: seconds by the clock, summed over the workers."""

    began: float
    ended: float
    cpu_seconds: float
    stages: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """By the clock."""
        return self.ended - self.began


def timed_run(config: EnrollConfig, pack: Pack, store: StoreSpec) -> tuple[Report, Spent]:
    """Runs the job; gives its report, and what it took from its first row to its last record."""
    with _timed() as times:
        report = run(config, pack=pack, store=store)
    (began, cpu_before), *_, (ended, cpu_after) = times
    stages = {name: each["seconds"] for name, each in report.stages.items()}
    return report, Spent(began, ended, cpu_after - cpu_before, stages)


@contextmanager
def _timed() -> Iterator[list[tuple[float, float]]]:
    """Collects the time, and this process's, of the first row and of each file of records closed.

    What a run does after the last of them, as giving the files their names, is part of no row: it
    takes 0.1 to 0.2 s for ten photos and for ten million.
    """
    times: list[tuple[float, float]] = []
    read_split, close = read_rows.read_split, FileBasedSinkWriter.close

    def note() -> None:
        times.append((time.monotonic(), time.process_time()))

    def noting_start(*arguments: Any) -> Any:
        if not times:
            note()
        return read_split(*arguments)

    def noting_close(writer: FileBasedSinkWriter) -> Any:
        closed = close(writer)
        note()
        return closed

    with (
        patch.object(read_rows, "read_split", noting_start),
        patch.object(FileBasedSinkWriter, "close", noting_close),
    ):
        yield times
