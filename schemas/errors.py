"""The closed list of codes, their exact messages, and the ways in which a run says no."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Every code that a result record or a refusal can carry."""

    OK = "OK"
    FACE_NOT_DETECTED = "ERR_FACE_NOT_DETECTED"
    MULTIPLE_FACES = "ERR_MULTIPLE_FACES"
    INVALID_IMAGE = "ERR_INVALID_IMAGE"
    UNPROCESSABLE_CONTENT = "ERR_UNPROCESSABLE_CONTENT"
    DUPLICATE_ID = "ERR_DUPLICATE_ID"
    DATABASE_ERROR = "ERR_DATABASE_ERROR"
    INTERNAL_ERROR = "ERR_INTERNAL_ERROR"
    INVALID_COLLECTION_NAME = "ERR_INVALID_COLLECTION_NAME"
    API_KEY_NOT_PRESENT = "ERR_API_KEY_NOT_PRESENT"
    API_KEY_NOT_VALID = "ERR_API_KEY_NOT_VALID"
    NOT_FOUND = "ERR_NOT_FOUND"
    ALREADY_EXISTS = "ERR_ALREADY_EXISTS"
    MODEL_MISMATCH = "ERR_MODEL_MISMATCH"


MESSAGES = {
    Code.FACE_NOT_DETECTED: "A face could not be detected in the image(s).",
    Code.MULTIPLE_FACES: "The image has more than one face.",
    Code.INVALID_IMAGE: "The image could not be decoded.",
    Code.UNPROCESSABLE_CONTENT: (
        "The posted JSON is malformed or contains fields that are not of the correct type."
    ),
    Code.DUPLICATE_ID: "Another row of this run has the same person_id.",
    Code.DATABASE_ERROR: (
        "An error occurred while connecting with the database, please retry your request later."
    ),
    Code.INTERNAL_ERROR: "An unexpected error occurred.",
    Code.INVALID_COLLECTION_NAME: (
        "Collection names can only contain alphanumeric characters, underscores, hyphens, "
        "and periods."
    ),
    Code.API_KEY_NOT_PRESENT: "The API key is missing from the request.",
    Code.API_KEY_NOT_VALID: "The API key is not valid.",
    Code.NOT_FOUND: "The requested entity could not be found.",
    Code.ALREADY_EXISTS: "Another entity already exists with the same ID.",
    Code.MODEL_MISMATCH: "The collection was built with another model.",
}


def refusal_json(code: str) -> dict[str, str]:
    """Gives the object that tells of a refusal, in the server's shape."""
    return {"code": str(code), "message": MESSAGES[Code(code)]}


class Detail:
    """Values of `metadata.detail` that are not a field's name, a number or a class."""

    BASE64 = "base64"
    NOT_AN_IMAGE = "not_an_image"
    FORMAT_NOT_SUPPORTED = "format_not_supported"
    TRUNCATED = "truncated"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    URI_NOT_FOUND = "uri_not_found"
    URI_NOT_ALLOWED = "uri_not_allowed"
    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TRUNCATED_INPUT = "truncated_input"
    STORE_REFUSED = "store_refused"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row, or all of a body, is rejected."""

    code: Code
    detail: str = ""


class RejectedError(Exception):
    """One row cannot be enrolled; the run goes on. Becomes that row's result record."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    @property
    def fault(self) -> Fault:
        """The same, to be carried by a record."""
        return Fault(self.code, self.detail)


class RefusedError(Exception):
    """The whole job is refused before any image is touched: one JSON object, exit 4.

    `why` is for a person at a terminal: what was seen, what was expected, what to do.
    """

    def __init__(self, code: Code, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why


class UsageError(Exception):
    """The command or the config cannot mean anything: exit 2."""


class FailedError(Exception):
    """The run cannot go on, and it is not the job's fault: exit 1."""
