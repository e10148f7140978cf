import pickle

import pytest

from schemas.errors import (
    MESSAGES,
    Code,
    Detail,
    Fault,
    RefusedError,
    RejectedError,
)

# Part 1.2 of the contract, letter by letter: every code that there may be, with its message.
CONTRACT = {
    "ERR_FACE_NOT_DETECTED": "A face could not be detected in the image(s).",
    "ERR_MULTIPLE_FACES": "The image has more than one face.",
    "ERR_INVALID_IMAGE": "The image could not be decoded.",
    "ERR_UNPROCESSABLE_CONTENT": (
        "The posted JSON is malformed or contains fields that are not of the correct type."
    ),
    "ERR_DUPLICATE_ID": "Another row of this run has the same person_id.",
    "ERR_DUPLICATE_PERSON": "The face is already enrolled under another person_id.",
    "ERR_LIVENESS_ERROR": "The face is not live.",
    "ERR_DATABASE_ERROR": (
        "An error occurred while connecting with the database, please retry your request later."
    ),
    "ERR_INTERNAL_ERROR": "An unexpected error occurred.",
    "ERR_INVALID_COLLECTION_NAME": (
        "Collection names can only contain alphanumeric characters, underscores, hyphens, "
        "and periods."
    ),
    "ERR_API_KEY_NOT_PRESENT": "The API key is missing from the request.",
    "ERR_API_KEY_NOT_VALID": "The API key is not valid.",
    "ERR_NOT_FOUND": "The requested entity could not be found.",
    "ERR_ALREADY_EXISTS": "Another entity already exists with the same ID.",
    "ERR_MODEL_MISMATCH": "The collection was built with another model.",
}
CONTRACT_DETAILS = {
    *("base64", "not_an_image", "format_not_supported", "truncated", "too_many_bytes"),
    *("too_many_pixels", "uri_not_found", "uri_not_allowed"),
    *("not_json", "too_large", "too_deep", "truncated_input", "store_refused"),
}


@pytest.mark.parametrize("code", [each for each in Code if each is not Code.OK], ids=str)
def test_each_code_has_the_contracts_message(code):
    assert MESSAGES[code] == CONTRACT[code]


def test_success_has_no_message_of_its_own():
    assert Code.OK == "OK"
    assert Code.OK not in MESSAGES


def test_details_are_of_the_contract():
    assert {each for name, each in vars(Detail).items() if name.isupper()} <= CONTRACT_DETAILS


def test_a_rejection_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(RejectedError(Code.INVALID_IMAGE, Detail.BASE64)))
    assert error.fault == Fault(Code.INVALID_IMAGE, "base64")


def test_a_rejection_needs_no_detail():
    assert RejectedError(Code.FACE_NOT_DETECTED).detail == ""


def test_a_refusal_tells_its_code_and_why():
    error = RefusedError(Code.NOT_FOUND, "no collection 'staff'")
    assert str(error) == "ERR_NOT_FOUND: no collection 'staff'"
    assert (error.code, error.why) == (Code.NOT_FOUND, "no collection 'staff'")
