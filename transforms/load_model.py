"""Loads the pack once a worker process and shares it among the stages."""

from dataclasses import dataclass, field
from functools import cached_property

from apache_beam.utils.shared import Shared

from schemas.errors import Code, RejectedError, UsageError
from transforms.faces.base import FaceModel, Pack
from transforms.run_state import RUN_STATE
from transforms.worker import inference_share, memory_returned


@dataclass(frozen=True)
class ModelSource:
    """Which pack the stages share. One source a pipeline: two would evict each other."""

    pack: Pack
    workers: int
    shared: Shared = field(default_factory=Shared)

    @cached_property  # of a stage's own copy, so that it asks the others once, not for each row
    def model(self) -> FaceModel:
        """The process's model. The first stage that asks loads it; an unchanged re-run never does.

        Raises RejectedError where it cannot be loaded.
        """
        model: FaceModel | _NoModel = self.shared.acquire(self._load)
        if isinstance(model, _NoModel):
            raise RejectedError(Code.INTERNAL_ERROR, model.error)
        return model

    def _load(self) -> "FaceModel | _NoModel":
        try:
            with memory_returned():
                return self.pack.load(inference_share(self.workers))
        except Exception as error:  # each row would try again and fail
            name = type(error).__name__
            # Of errors that are not ours, the text may hold what must stay private.
            why = str(error) if isinstance(error, UsageError) else name
            RUN_STATE.stop(f"the pack cannot be loaded: {why}")
            return _NoModel(name)


@dataclass(frozen=True)
class _NoModel:
    """Remembers that the pack could not be loaded here."""

    error: str
