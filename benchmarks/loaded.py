"""A whole job with its models loaded beforehand, timed from the first row read to the last record.

So that a job and a bare loop are compared by what they do for a photo: models, imports and the
start of Beam are the same for ten photos and for ten million.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from pipelines.config import EnrollConfig
from pipelines.enroll import run
from schemas.report import Report
from schemas.stamp import Stamp
from transforms import read_rows
from transforms.faces.base import FaceModel, Pack, Share
from transforms.faces.calibration import Calibration
from transforms.stores.base import StoreSpec
from transforms.worker import inference_share, prepare_process

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
    """Loads the models of a pack, for so many workers, once a process."""
    prepare_process()
    _MODELS[pack.stamp.pack] = pack.load(inference_share(workers))
    return LoadedPack(pack.stamp, pack.precision)


def timed_run(config: EnrollConfig, pack: Pack, store: StoreSpec | None) -> tuple[Report, float]:
    """Runs the job; gives its report, and the seconds from its first row read to its end."""
    with _first_row() as times:
        report = run(config, pack=pack, store=store, while_running=lambda _: None)
        # The pipeline's end is the last record's; reading the results back comes after it.
        assert times, "no row was read"
    return report, times[1] - times[0]


@contextmanager
def _first_row() -> Iterator[list[float]]:
    """Collects when the first row was read, and when the pipeline ended."""
    from pipelines import enroll

    times: list[float] = []
    read_split, run_pipeline = read_rows.read_split, enroll.run_pipeline

    def noting_start(*arguments: Any) -> Any:
        if not times:
            times.append(time.perf_counter())
        return read_split(*arguments)

    def noting_end(*arguments: Any) -> Any:
        result = run_pipeline(*arguments)
        times.append(time.perf_counter())
        return result

    with (
        patch.object(read_rows, "read_split", noting_start),
        patch.object(enroll, "run_pipeline", noting_end),
    ):
        yield times
