"""Ends the rows whose person the store already holds exactly so."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection

from schemas.errors import Code, Fault
from schemas.ids import point_id
from schemas.options import Rules
from schemas.records import Outcome, Submission
from transforms.batches import BatchStage, by_collection
from transforms.faces.base import Pack
from transforms.guard import rejected
from transforms.points import LOOK_UP_FIELDS, is_unchanged, run_marks
from transforms.run_state import RUN_STATE
from transforms.stores.base import StoreError, StoreSpec
from transforms.stores.connect import handle


class _SkipFn(BatchStage):
    stage = "look_up"
    max_records, max_bytes = 64, 32 << 20

    def __init__(self, store: StoreSpec, pack: Pack, rules: Rules) -> None:
        self._store, self._marks = store, run_marks(rules, pack)

    def size(self, submission: Submission) -> int:
        return len(submission.encoded) + submission.person.text_length

    def advance(self, submissions: Sequence[Submission]) -> Sequence[Submission | Outcome]:
        return by_collection(submissions, self._look_up)

    def _look_up(
        self, collection: str, submissions: Sequence[Submission]
    ) -> Sequence[Submission | Outcome]:
        ids = [point_id(each.person.person_id) for each in submissions]
        try:
            stored = handle(self._store).look_up(collection, ids, LOOK_UP_FIELDS)
        except StoreError as error:  # it stays away: no use in reading on
            RUN_STATE.stop(error.why)
            return [rejected(each, Fault(Code.DATABASE_ERROR)) for each in submissions]
        return [
            self._compared(each, stored.get(id_))
            for each, id_ in zip(submissions, ids, strict=True)
        ]

    def _compared(self, submission: Submission, stored: Any) -> Submission | Outcome:
        person = submission.person
        if stored is None:
            return submission
        if not is_unchanged(stored, person, self._marks):
            return replace(submission, person=replace(person, replaces=True))
        return Outcome(
            person.ref,
            Code.OK,
            person.person_id,
            action="unchanged",
            detection_score=float(stored.get("detection_score", 0.0)),
        )


@dataclass
class SkipUnchanged(
    beam.PTransform[PCollection[Submission | Outcome], PCollection[Submission | Outcome]]
):
    """Submissions to Submissions; unchanged ones to Outcomes: no decoding, no write."""

    store: StoreSpec
    pack: Pack
    rules: Rules

    def expand(
        self, submissions: PCollection[Submission | Outcome]
    ) -> PCollection[Submission | Outcome]:
        compare = _SkipFn(self.store, self.pack, self.rules)
        return submissions | "LookUp" >> beam.ParDo(compare)
