"""Every refusal: one JSON object on stdout, what to do on stderr, exit 4, nothing written."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import COLLECTION, Finished, Muster
from tests.payloads import people, write_lines
from tests.qdrant_server import QdrantTestServer

API_KEY = "a-secret-key"


def assert_refused(ended: Finished, code: str, message: str, *told: str) -> None:
    assert (ended.code, ended.json) == (4, {"code": code, "message": message})
    for each in told:
        assert each in ended.stderr


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "good.jsonl", people(1))


def test_collection_names(muster: Muster, payload: Path) -> None:
    message = (
        "Collection names can only contain alphanumeric characters, underscores, hyphens, "
        "and periods."
    )
    for name in ("a b", "", ".", "..", "a/b", "é", "x" * 256):
        for ended in (
            muster("collections", "create", name, "--store", muster.store),
            muster("enroll", payload, *muster.options("run"), "--collection", name),
        ):
            assert_refused(ended, "ERR_INVALID_COLLECTION_NAME", message)
    assert not (muster.folder / "run").exists()


def test_missing_collection(muster: Muster, payload: Path) -> None:
    message = "The requested entity could not be found."
    options = ("--store", muster.store)
    for ended in (
        muster.enroll("run", payload),
        muster.enroll("run", payload, "--dry-run"),
        muster("collections", "show", COLLECTION, *options),
        muster("collections", "optimize", COLLECTION, *options),
        muster("collections", "delete", COLLECTION, "--yes", *options),
        muster("persons", "get", "x", "--collection", COLLECTION, *options),
    ):
        assert_refused(ended, "ERR_NOT_FOUND", message, "muster collections create people")
    muster.create()
    ended = muster("persons", "get", "x", "--collection", COLLECTION, *options)
    assert_refused(ended, "ERR_NOT_FOUND", message)
    assert not (muster.folder / "run").exists()


def test_existing_collection(muster: Muster) -> None:
    muster.create()
    ended = muster("collections", "create", COLLECTION, "--store", muster.store)
    message = "Another entity already exists with the same ID."
    assert_refused(ended, "ERR_ALREADY_EXISTS", message, "delete it first")


MISMATCH = ("ERR_MODEL_MISMATCH", "The collection was built with another model.")
WHAT_TO_DO = "muster collections create NEW_NAME --pack opencv-zoo --store "
OTHER_STAMPS = {
    "another pack": {"pack": "other"},
    "another digest of the same pack": {"weights": {"detector": "0" * 64, "recogniser": "1" * 64}},
    "another dimension": {"dimension": 512},
    "another preprocessing": {"preprocessing": 1},
}


@pytest.mark.parametrize("made_by", [*OTHER_STAMPS, "something else"])
@pytest.mark.parametrize("kind", ["embedded", "server"])
def test_another_models_collection(
    muster: Muster, payload: Path, tmp_path: Path, kind: str, made_by: str
) -> None:
    with QdrantTestServer(tmp_path / "server") as server:
        if kind == "server":
            muster.store = server.url
        muster.create()
        if kind == "server":
            metadata = server.collections.held[COLLECTION].config["metadata"]
            metadata["muster"] |= OTHER_STAMPS.get(made_by, {"pack": None})
        else:
            stamp = Path(muster.store) / COLLECTION / "collection.json"
            changed = json.loads(stamp.read_text()) | OTHER_STAMPS.get(made_by, {"pack": None})
            stamp.write_text(json.dumps(changed))

        ended = muster.enroll("run", payload)

    assert_refused(ended, *MISMATCH, "this run uses pack opencv-zoo (digest ")
    assert f"{WHAT_TO_DO}{muster.store}\n" in ended.stderr
    told = "something other than Muster" if made_by == "something else" else "made by pack "
    assert told in ended.stderr
    assert not (muster.folder / "run").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", "footer", id="empty"),
        pytest.param(b"PAR1" + bytes(100), "footer", id="no_footer"),
        pytest.param(None, "--column person_id=EMP_NO", id="no_usable_columns"),
    ],
)
def test_unreadable_parquet(
    muster: Muster, tmp_path: Path, content: bytes | None, told: str
) -> None:
    muster.create()
    path = tmp_path / "in.parquet"
    if content is None:
        pq.write_table(pa.table({"EMP": [1], "photo": [b"x"]}), path)
    else:
        path.write_bytes(content)

    ended = muster.enroll("run", path)

    message = "The posted JSON is malformed or contains fields that are not of the correct type."
    assert_refused(ended, "ERR_UNPROCESSABLE_CONTENT", message, str(path), told)
    if content is None:
        for name in ("EMP (int64)", "photo (binary)", "person_name", "face_base_64"):
            assert name in ended.stderr
    assert not (muster.folder / "run").exists()


def test_api_keys(
    muster: Muster, payload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QDRANT_API_KEY", raising=False)
    with QdrantTestServer(tmp_path / "server", api_key=API_KEY) as server:
        muster.store = server.url
        absent = "The API key is missing from the request."
        ended = muster.enroll("run", payload)
        assert_refused(ended, "ERR_API_KEY_NOT_PRESENT", absent, "QDRANT_API_KEY")

        monkeypatch.setenv("QDRANT_API_KEY", "wrong-key")
        wrong = "The API key is not valid."
        ended = muster("collections", "list", "--store", server.url)
        assert_refused(ended, "ERR_API_KEY_NOT_VALID", wrong, "QDRANT_API_KEY")
        assert "wrong-key" not in ended.stderr

        monkeypatch.delenv("QDRANT_API_KEY")
        key_file = tmp_path / "key"
        key_file.write_text(API_KEY + "\n")
        monkeypatch.setenv("QDRANT_API_KEY_FILE", str(key_file))
        muster.create()
        assert muster.enroll("run", payload).json["enrolled"] == 1
    for path in (muster.folder / "run").rglob("*.json*"):
        assert API_KEY not in path.read_text()


def test_server_down(muster: Muster, payload: Path) -> None:
    muster.store = "http://127.0.0.1:9"
    message = (
        "An error occurred while connecting with the database, please retry your request later."
    )
    for ended in (
        muster.enroll("run", payload),
        muster("collections", "create", COLLECTION, "--store", muster.store),
    ):
        assert_refused(ended, "ERR_DATABASE_ERROR", message, muster.store)


def test_a_gzip_that_is_none(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(b'{"person_id": "x"}\n')
    ended = muster.enroll("run", path)
    message = "The posted JSON is malformed or contains fields that are not of the correct type."
    assert_refused(ended, "ERR_UNPROCESSABLE_CONTENT", message, str(path), "suffix")
