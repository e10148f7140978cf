"""How many persons are looked up at once."""

import pytest

from schemas.options import Rules
from schemas.records import Submission
from tests.builders import make_person, through
from tests.fakes import NullPack, NullStoreSpec
from transforms import skip_unchanged

NOTE = "x" * (20 << 20)


class EmptyStore:
    """Holds nobody, and notes how many it is asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def look_up(self, collection, point_ids, fields):
        self.asked.append(len(point_ids))
        return {}


@pytest.mark.parametrize(
    ("metadata", "name", "asked"),
    [({}, "x", [4]), ({"note": NOTE}, "x", [1] * 4), ({}, NOTE, [1] * 4)],
    ids=["short", "long metadata", "a long name"],
)
def test_persons_of_long_texts_do_not_gather_in_memory(monkeypatch, metadata, name, asked):
    store = EmptyStore()
    monkeypatch.setattr("transforms.batches.randrange", lambda _: 0)
    monkeypatch.setattr(skip_unchanged, "handle", lambda _: store)
    stage = skip_unchanged._SkipFn(NullStoreSpec(), NullPack(), Rules())
    person = make_person(metadata=metadata, person_name=name)
    given = [Submission(person, b"image")] * 4
    assert through(stage, given) == given
    assert store.asked == asked
