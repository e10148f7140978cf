import base64
import hashlib
from dataclasses import replace

import pytest

from schemas.errors import Code, Fault, RejectedError
from schemas.options import FaceStorageType, Rules
from tests.builders import make_jpeg, make_row
from transforms.face_files import FaceFiles
from transforms.inputs.json_rows import parse_row
from transforms.inputs.parquet_rows import UnreadableValue
from transforms.submissions import record_digest, submit

IMAGE = make_jpeg()
TEXT = base64.b64encode(IMAGE).decode()
NO_STORAGE = FaceStorageType.NO_STORAGE
RULES = Rules(max_image_bytes=len(IMAGE))
FILES = FaceFiles()


def submitted(storage=NO_STORAGE, **fields):
    return submit(make_row(storage=storage, **{"face_base_64": TEXT} | fields), RULES, FILES)


def refusal(row, rules=RULES):
    with pytest.raises(RejectedError) as refused:
        submit(row, rules, FILES)
    return refused.value.code, refused.value.detail


def test_a_good_row():
    submission = submitted(FaceStorageType.THUMBNAILS, metadata={"floor": 3, "team": None})
    person = submission.person
    assert submission.encoded == IMAGE
    assert person.ref == make_row().ref
    assert (person.person_id, person.person_name) == ("JD1", "Jane Doe")
    assert person.metadata == {"floor": "3"}
    assert person.face_storage_type is FaceStorageType.THUMBNAILS
    assert person.face_digest == hashlib.sha256(IMAGE).hexdigest()
    assert person.replaces is False


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        pytest.param({"person_id": None}, "person_id", id="no person_id"),
        pytest.param({"person_id": ""}, "person_id", id="empty person_id"),
        pytest.param({"person_id": 7}, "person_id", id="person_id a number"),
        pytest.param({"person_id": "a\0"}, "person_id", id="person_id with U+0000"),
        pytest.param({"person_id": "\ud800"}, "person_id", id="person_id a lone surrogate"),
        pytest.param({"person_id": "x" * 513}, "person_id", id="person_id too long"),
        pytest.param({"person_id": UnreadableValue()}, "person_id", id="person_id unreadable"),
        pytest.param({"person_name": None}, "person_name", id="no person_name"),
        pytest.param({"person_name": 7}, "person_name", id="person_name a number"),
        pytest.param({"person_name": "a\udfff"}, "person_name", id="person_name a surrogate"),
        pytest.param({"metadata": {"a": []}}, "metadata", id="nested metadata"),
        pytest.param({"metadata": "blue"}, "metadata", id="metadata a text"),
        pytest.param({"face_base_64": None}, "face_base_64", id="no face"),
        pytest.param({"face_base_64": 7}, "face_base_64", id="face_base_64 a number"),
        pytest.param({"face_base_64": IMAGE}, "face_base_64", id="face_base_64 bytes"),
        pytest.param({"face_base_64": None, "face": TEXT}, "face", id="face a text"),
        pytest.param({"face": IMAGE}, "face", id="two faces"),
        pytest.param({"face_base_64": None, "face_uri": 7}, "face_uri", id="face_uri a number"),
        pytest.param({"face_base_64": None, "vector": [0.1]}, "vector", id="vector"),
        pytest.param({"face_uri": "a.jpg"}, "face_uri", id="a face and a face_uri"),
        pytest.param({"vector": [0.1]}, "vector", id="a face and a vector"),
        pytest.param(
            {"person_id": None, "person_name": None, "metadata": 1}, "person_id", id="the first"
        ),
    ],
)
def test_the_field_at_fault_is_named(fields, detail):
    row = make_row(**{"face_base_64": TEXT} | fields)
    assert refusal(row) == ("ERR_UNPROCESSABLE_CONTENT", detail)


@pytest.mark.parametrize("field", ["person_id", "person_name", "metadata", "face_base_64"])
def test_a_missing_field_is_as_one_of_null(field):
    row = make_row(face_base_64=TEXT)
    fields = {name: value for name, value in row.fields.items() if name != field}
    without = replace(row, fields=fields)
    if field == "metadata":
        assert submit(without, RULES, FILES).person.metadata == {}
    else:
        assert refusal(without) == ("ERR_UNPROCESSABLE_CONTENT", field)


def test_metadata_in_which_a_key_stands_twice_is_refused():
    fields = parse_row(b'{"metadata": {"a": 1, "a": 2}}')
    row = make_row(face_base_64=TEXT, metadata=fields["metadata"])
    assert refusal(row) == ("ERR_UNPROCESSABLE_CONTENT", "metadata")


@pytest.mark.parametrize(
    ("code", "detail"), [("ERR_UNPROCESSABLE_CONTENT", "not_json"), ("ERR_DUPLICATE_ID", "a row 1")]
)
def test_a_row_that_was_rejected_as_it_was_read_tells_why(code, detail):
    assert refusal(make_row(fault=Fault(Code(code), detail))) == (code, detail)


def test_a_face_is_read_from_the_inputs_folder(tmp_path):
    (tmp_path / "a.jpg").write_bytes(IMAGE)
    row = make_row(folder=str(tmp_path), face_uri="a.jpg")
    assert submit(row, RULES, FILES).encoded == IMAGE
    missing = make_row(folder=str(tmp_path), face_uri="b.jpg")
    assert refusal(missing) == ("ERR_INVALID_IMAGE", "uri_not_found")


@pytest.mark.parametrize(
    ("fields", "max_bytes", "detail"),
    [
        pytest.param({"face_base_64": "no Base64"}, 100, "base64", id="no Base64"),
        pytest.param({"face_base_64": ""}, 100, "not_an_image", id="an empty text"),
        pytest.param({"face": b""}, 100, "not_an_image", id="no bytes"),
        pytest.param({"face_base_64": "QUJDRA=="}, 3, "too_many_bytes", id="a byte too many"),
        pytest.param({"face_base_64": TEXT}, 100, "too_many_bytes", id="far too many"),
        pytest.param({"face": b"ABCD"}, 3, "too_many_bytes", id="a byte too many as bytes"),
    ],
)
def test_the_encoded_image_is_looked_at(fields, max_bytes, detail):
    row = make_row(**fields)
    assert refusal(row, Rules(max_image_bytes=max_bytes)) == ("ERR_INVALID_IMAGE", detail)


def test_the_same_image_has_the_same_digest_in_either_field():
    as_text, as_bytes = submitted(), submitted(face_base_64=None, face=IMAGE)
    assert as_bytes == as_text
    assert submitted(face_base_64=f"data:image/jpeg;base64,\n{TEXT}") == as_text


class TestRecordDigest:
    digest = record_digest("Jane Doe", {"a": "1", "b": "2"}, NO_STORAGE)

    def test_is_stable(self):
        # A new one makes a second run write every person again.
        assert self.digest == "661a72dd97f4510962a29c00a3bf76b88de407c8aa47714ca4a679993b96144a"

    def test_the_order_of_metadata_does_not_matter(self):
        assert record_digest("Jane Doe", {"b": "2", "a": "1"}, NO_STORAGE) == self.digest

    @pytest.mark.parametrize(
        ("name", "metadata", "storage"),
        [
            ("Jane Do", {"a": "1", "b": "2"}, NO_STORAGE),
            ("Jane Doe", {"a": "1", "b": "3"}, NO_STORAGE),
            ("Jane Doe", {"a": "1"}, NO_STORAGE),
            ("Jane Doe", {"a": "1", "b": "2"}, FaceStorageType.FULL_IMAGE),
        ],
    )
    def test_everything_else_does(self, name, metadata, storage):
        assert record_digest(name, metadata, storage) != self.digest
