"""Writes persons to the store, and ends their rows once the store has acknowledged them."""

from collections.abc import Sequence
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection

from schemas.errors import Code, Detail, Fault, RejectedError
from schemas.options import Rules
from schemas.records import EmbeddedFace, Outcome
from transforms.batches import BatchStage, by_collection
from transforms.faces.base import Pack
from transforms.guard import rejected
from transforms.points import check_vectors, request_bytes, run_marks, score_of, to_points
from transforms.run_state import RUN_STATE
from transforms.stores.base import (
    MAX_REQUEST_BYTES,
    StoreError,
    StoreRefusedError,
    StoreSpec,
)
from transforms.stores.connect import handle

# Far below what a request may hold: what is not yet acknowledged is lost to a kill.
BATCH_POINTS = 64


class _UpsertFn(BatchStage):
    stage = "upsert"
    max_records, max_bytes = BATCH_POINTS, MAX_REQUEST_BYTES

    def __init__(self, store: StoreSpec, pack: Pack, rules: Rules) -> None:
        self._store = store
        self._marks, self._dimension = run_marks(rules, pack), pack.stamp.dimension

    def size(self, embedded: EmbeddedFace) -> int:
        return request_bytes(embedded)

    def advance(self, faces: Sequence[EmbeddedFace]) -> Sequence[Outcome]:
        try:
            return by_collection(faces, self._upsert)
        except StoreRefusedError as error:  # several are sent again alone, as of any failed batch
            raise RejectedError(Code.INTERNAL_ERROR, Detail.STORE_REFUSED) from error

    def _upsert(self, collection: str, faces: Sequence[EmbeddedFace]) -> Sequence[Outcome]:
        check_vectors([each.vector for each in faces], self._dimension)
        points = to_points(faces, self._marks)
        try:
            handle(self._store).upsert(collection, points)
        except StoreError as error:  # it stays away: no use in reading on
            RUN_STATE.stop(error.why)
            return [rejected(each, Fault(Code.DATABASE_ERROR)) for each in faces]
        return [_outcome(each) for each in faces]


def _outcome(embedded: EmbeddedFace) -> Outcome:
    person = embedded.person
    return Outcome(
        person.ref,
        Code.OK,
        person.person_id,
        action="updated" if person.replaces else "enrolled",
        detection_score=score_of(embedded.face),
    )


@dataclass
class UpsertPersons(beam.PTransform[PCollection[EmbeddedFace | Outcome], PCollection[Outcome]]):
    """EmbeddedFaces to Outcomes. Point ids come from person ids: a retry overwrites itself."""

    store: StoreSpec
    pack: Pack
    rules: Rules

    def expand(self, faces: PCollection[EmbeddedFace | Outcome]) -> PCollection[Outcome]:
        write = _UpsertFn(self.store, self.pack, self.rules)
        return faces | "Upsert" >> beam.ParDo(write)
