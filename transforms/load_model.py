"""Loads the pack once a worker process and shares it among the stages."""

from dataclasses import dataclass, field

from apache_beam.utils.shared import Shared

from transforms.faces.base import FaceModel, Pack
from transforms.worker import inference_threads


@dataclass(frozen=True)
class ModelSource:
    """Which pack the stages share. One source a pipeline: two would evict each other."""

    pack: Pack
    workers: int
    shared: Shared = field(default_factory=Shared)

    def get(self) -> FaceModel:
        """Gives the process's model. The first caller loads it; an unchanged re-run never does."""
        model: FaceModel = self.shared.acquire(self._load)
        return model

    def _load(self) -> FaceModel:
        return self.pack.load(inference_threads(self.workers))
