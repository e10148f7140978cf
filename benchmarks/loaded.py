"""A whole job with its models loaded beforehand, timed in all that grows with its rows.

That is planning, comparing ids, from the first row that a worker reads to the last record, and
counting the records. So a job and a bare loop are compared by what they do for a photo: models,
imports and the start of Beam are the same for ten photos and for ten million.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from apache_beam.io.filebasedsink import FileBasedSinkWriter

from pipelines import enroll
from pipelines.config import EnrollConfig
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
    """spans: from and to, by `time.monotonic`. stages: seconds, summed over the workers."""

    spans: Sequence[tuple[float, float]]
    cpu_seconds: float
    stages: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """By the clock."""
        return sum(ended - began for began, ended in self.spans)


def timed_run(config: EnrollConfig, pack: Pack, store: StoreSpec) -> tuple[Report, Spent]:
    """Runs the job; gives its report, and what it took."""
    with _timed() as measured:
        report = enroll.run(config, pack=pack, store=store)
    spans = [(began.wall, ended.wall) for began, ended in measured]
    cpu = sum(ended.cpu - began.cpu for began, ended in measured)
    stages = {name: each["seconds"] for name, each in report.stages.items()}
    return report, Spent(spans, cpu, stages)


class _Moment(NamedTuple):
    wall: float
    cpu: float


def _now() -> _Moment:
    return _Moment(time.monotonic(), time.process_time())


@contextmanager
def _timed() -> Iterator[list[tuple[_Moment, _Moment]]]:
    """Collects when each part of the work began and ended.

    Between them Beam starts, and files get their names at the end, which is part of no row: each
    takes some tenths of a second for ten photos and for ten million.
    """
    measured: list[tuple[_Moment, _Moment]] = []
    reading: list[_Moment] = []
    read_split, close = read_rows.read_split, FileBasedSinkWriter.close

    def timing(part: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            began = _now()
            done = part(*arguments, **options)
            measured.append((began, _now()))
            return done

        return timed

    def noting_start(*arguments: Any) -> Any:
        if not reading:
            reading.append(_now())
        return read_split(*arguments)

    def noting_close(writer: FileBasedSinkWriter) -> Any:
        closed = close(writer)
        reading.append(_now())
        return closed

    with ExitStack() as patches:
        for name in ("plan_splits", "without_duplicates", "count_results"):
            patches.enter_context(patch.object(enroll, name, timing(getattr(enroll, name))))
        patches.enter_context(patch.object(read_rows, "read_split", noting_start))
        patches.enter_context(patch.object(FileBasedSinkWriter, "close", noting_close))
        yield measured
    measured.append((reading[0], reading[-1]))
