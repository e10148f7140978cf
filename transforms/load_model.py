"""Loads the pack once a worker process and shares it among the stages."""

from dataclasses import dataclass, field

from apache_beam.utils.shared import Shared

from transforms.faces.base import FaceModel, Pack
from transforms.worker import prepare


@dataclass(frozen=True)
class ModelSource:
    """Which pack the stages share. One source a pipeline: two would evict each other."""

    pack: Pack
    workers: int
    shared: Shared = field(default_factory=Shared)

    def get(self) -> FaceModel:
        """Gives the process's model; the first caller loads it."""
        model: FaceModel = self.shared.acquire(self._load)
        return model

    def _load(self) -> FaceModel:
        return self.pack.load(prepare(self.workers))
