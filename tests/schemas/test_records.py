import pickle

import numpy as np
import pytest

from schemas.errors import Code, Detail
from schemas.records import (
    AlignedFace,
    EmbeddedFace,
    Face,
    Outcome,
    Picture,
    Submission,
    person_id_of,
    ref_of,
)
from tests.builders import make_person, make_pixels, make_ref, make_row

JD1_POINT = "c5e18b8a-1161-5abb-a1b9-f981d19862dc"
UNPROCESSABLE = "The posted JSON is malformed or contains fields that are not of the correct type."
FACE = Face((1.0, 2.0, 3.0, 4.0), np.zeros((5, 2), np.float32), 0.9)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("enrolled", "The person was enrolled."),
        ("updated", "The person was updated."),
        ("unchanged", "The person is unchanged."),
    ],
)
def test_record_of_success(action, message):
    outcome = Outcome(make_ref(row=7), Code.OK, "JD1", action=action, detection_score=0.98765)
    assert outcome.to_json() == {
        "code": "OK",
        "message": message,
        "metadata": {
            "person_id": "JD1",
            "collection_name": "staff",
            "source": "people.jsonl",
            "row": "7",
            "action": action,
            "point_id": JD1_POINT,
            "detection_score": "0.9877",
        },
    }


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        pytest.param(
            Outcome(make_ref(), Code.INVALID_IMAGE, "JD1", Detail.TRUNCATED),
            {
                "code": "ERR_INVALID_IMAGE",
                "message": "The image could not be decoded.",
                "metadata": {
                    "person_id": "JD1",
                    "collection_name": "staff",
                    "source": "people.jsonl",
                    "row": "0",
                    "detail": "truncated",
                },
            },
            id="with a detail",
        ),
        pytest.param(
            Outcome(make_ref(row=12), Code.FACE_NOT_DETECTED, "JD1"),
            {
                "code": "ERR_FACE_NOT_DETECTED",
                "message": "A face could not be detected in the image(s).",
                "metadata": {
                    "person_id": "JD1",
                    "collection_name": "staff",
                    "source": "people.jsonl",
                    "row": "12",
                },
            },
            id="without a detail",
        ),
        pytest.param(
            Outcome(make_ref(row=3), Code.UNPROCESSABLE_CONTENT, None, "person_id"),
            {
                "code": "ERR_UNPROCESSABLE_CONTENT",
                "message": UNPROCESSABLE,
                "metadata": {
                    "collection_name": "staff",
                    "source": "people.jsonl",
                    "row": "3",
                    "detail": "person_id",
                },
            },
            id="no person id could be read",
        ),
        pytest.param(
            Outcome(
                make_ref("people.jsonl.gz", None),
                Code.UNPROCESSABLE_CONTENT,
                None,
                Detail.TRUNCATED_INPUT,
            ),
            {
                "code": "ERR_UNPROCESSABLE_CONTENT",
                "message": UNPROCESSABLE,
                "metadata": {
                    "collection_name": "staff",
                    "source": "people.jsonl.gz",
                    "detail": "truncated_input",
                },
            },
            id="damage to the file",
        ),
    ],
)
def test_record_of_rejection(outcome, expected):
    assert outcome.to_json() == expected


def test_a_record_is_of_strings_only():
    record = Outcome(make_ref(), Code.OK, "JD1", action="enrolled", detection_score=1.0).to_json()
    assert list(record) == ["code", "message", "metadata"]
    assert {type(each) for each in record["metadata"].values()} == {str}
    assert type(record["code"]) is str


STAGES = [
    make_row(),
    Submission(make_person(), b"image"),
    Picture(make_person(), b"image", make_pixels(4, 4), 1),
    AlignedFace(make_person(), FACE, make_pixels(4, 4), b"kept"),
    EmbeddedFace(make_person(), FACE, np.ones(4, np.float32), b"kept"),
    Outcome(make_ref(), Code.OK, "JD1", action="enrolled"),
]


@pytest.mark.parametrize("record", STAGES, ids=lambda each: type(each).__name__)
def test_records_know_whose_they_are_and_travel_between_processes(record):
    travelled = pickle.loads(pickle.dumps(record))
    assert ref_of(travelled) == ref_of(record) == make_ref()
    assert person_id_of(travelled) == person_id_of(record) == "JD1"
    assert repr(travelled) == repr(record)


@pytest.mark.parametrize("value", ["", "\ud800", 7, None], ids=repr)
def test_an_unlawful_person_id_is_told_by_nobody(value):
    assert person_id_of(make_row(person_id=value)) is None
