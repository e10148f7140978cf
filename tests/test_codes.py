"""Every code that a row can get, through the real command, with its exact record."""

import base64
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipelines.config import EnrollConfig
from pipelines.enroll import run
from schemas.ids import point_id
from schemas.options import FaceStorageType
from schemas.stamp import Stamp
from tests.command import COLLECTION, Muster, read_records
from tests.fakes import NullPack, NullStoreSpec, RaisingRecogniser
from tests.payloads import group_photo, people, portraits, row, write_lines
from tests.qdrant_server import QdrantTestServer
from transforms.stores.base import Collection
from transforms.stores.connect import connected, store_spec

UNPROCESSABLE = (
    "ERR_UNPROCESSABLE_CONTENT",
    "The posted JSON is malformed or contains fields that are not of the correct type.",
)
INVALID_IMAGE = ("ERR_INVALID_IMAGE", "The image could not be decoded.")
DEEP = b'{"person_id": "x", "extra": ' + b"[" * 70 + b"]" * 70 + b"}"


def cases() -> list[tuple[Any, tuple[str, str], str | None]]:
    """Gives (row or line, (code, message), detail) for all that a row alone can get wrong."""
    photo = portraits()[0]
    good = row("x", photo)
    metadata = {"a": {"b": "c"}}
    return [
        (b"not json", UNPROCESSABLE, "not_json"),
        (b'{"person_id": "x", "person_name": NaN}', UNPROCESSABLE, "not_json"),
        (b'{"person_id": "\xff\xfe"}', UNPROCESSABLE, "not_json"),
        (b'["person_id"]', UNPROCESSABLE, "not_json"),
        (DEEP, UNPROCESSABLE, "too_deep"),
        (row("x", photo, pad="x" * 1_000_000), UNPROCESSABLE, "too_large"),
        (row("x", photo, person_id=None), UNPROCESSABLE, "person_id"),
        (row("x", photo, person_id=""), UNPROCESSABLE, "person_id"),
        (row("x", photo, person_id=7), UNPROCESSABLE, "person_id"),
        (row("x", photo, person_id="é" * 257), UNPROCESSABLE, "person_id"),
        (row("x", photo, person_id="a\0b"), UNPROCESSABLE, "person_id"),
        (row("x", photo, person_id="\ud800"), UNPROCESSABLE, "person_id"),
        (json.dumps(good)[:-1].encode() + b', "person_id": "y"}', UNPROCESSABLE, "person_id"),
        (row("x", photo, person_name=None), UNPROCESSABLE, "person_name"),
        (row("x", photo, person_name="\udfff"), UNPROCESSABLE, "person_name"),
        (row("x", photo, metadata=metadata), UNPROCESSABLE, "metadata"),
        (row("x", photo, metadata="text"), UNPROCESSABLE, "metadata"),
        (row("x", photo, metadata=["text"]), UNPROCESSABLE, "metadata"),
        (row("x", photo, face_base_64=None), UNPROCESSABLE, "face_base_64"),
        (row("x", photo, face_base_64=5), UNPROCESSABLE, "face_base_64"),
        (row("x", photo, face_uri="x.jpg"), UNPROCESSABLE, "face_uri"),
        (row("x", photo, face_base_64="&&&&"), INVALID_IMAGE, "base64"),
        (row("x", photo, face_base_64=""), INVALID_IMAGE, "not_an_image"),
        (row("x", b"<html>"), INVALID_IMAGE, "not_an_image"),
        (row("x", _blank(64, 64, "GIF")), INVALID_IMAGE, "format_not_supported"),
        (row("x", photo[: len(photo) // 2]), INVALID_IMAGE, "truncated"),
        (row("x", photo + bytes(600_000)), INVALID_IMAGE, "too_many_bytes"),
        (row("x", _blank(2000, 2000)), INVALID_IMAGE, "too_many_pixels"),
        (row("x", b"", face_base_64=None, face_uri="no.jpg"), INVALID_IMAGE, "uri_not_found"),
        (row("x", b"", face_base_64=None, face_uri="../x"), INVALID_IMAGE, "uri_not_allowed"),
        (
            row("x", _blank(64, 64)),
            ("ERR_FACE_NOT_DETECTED", "A face could not be detected in the image(s)."),
            None,
        ),
        (
            row("x", group_photo()),
            ("ERR_MULTIPLE_FACES", "The image has more than one face."),
            "6",
        ),
    ]


def _blank(width: int, height: int, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, form)
    return file.getvalue()


def _is_called_x(line: Any) -> bool:
    return isinstance(line, dict) and line.get("person_id") == "x"


def test_each_row_gets_its_record(muster: Muster, tmp_path: Path) -> None:
    expected = [
        (line | {"person_id": f"x{n}"} if _is_called_x(line) else line, *ends)
        for n, (line, *ends) in enumerate(cases())
    ]
    path = write_lines(tmp_path / "bad.jsonl", [each for each, _, _ in expected])
    muster.create()

    ended = muster.enroll(
        "run", path, "--max-row-bytes", "950KB", "--max-image-bytes", "600KB",
        "--max-image-pixels", "3M",
    )  # fmt: skip

    assert ended.code == 0, ended.stderr
    records = muster.records("run")
    for number, (line, (code, message), detail) in enumerate(expected):
        metadata = {"collection_name": COLLECTION, "source": str(path), "row": str(number)}
        if (
            isinstance(line, dict)
            and str(line.get("person_id")) == f"x{number}"
            and detail != "too_large"
        ):
            metadata["person_id"] = f"x{number}"
        if detail is not None:
            metadata["detail"] = detail
        assert records[number] == {"code": code, "message": message, "metadata": metadata}
    assert len(records) == len(expected)
    assert ended.json["rows_read"] == len(expected) == sum(ended.json["rejected"].values())


def test_success_is_enrolled_unchanged_and_updated(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    [person] = people(1)
    path = write_lines(tmp_path / "good.jsonl", [person])
    muster.enroll("first", path)
    muster.enroll("second", path)
    write_lines(path, [person | {"person_name": "Another"}])
    muster.enroll("third", path)

    for run_name, action, message in (
        ("first", "enrolled", "The person was enrolled."),
        ("second", "unchanged", "The person is unchanged."),
        ("third", "updated", "The person was updated."),
    ):
        [record] = muster.records(run_name)
        score = record["metadata"].pop("detection_score")
        assert len(score) == 6
        assert float(score) > 0.6
        assert record == {
            "code": "OK",
            "message": message,
            "metadata": {
                "person_id": "id-0000",
                "collection_name": COLLECTION,
                "source": str(path),
                "row": "0",
                "action": action,
                "point_id": point_id("id-0000"),
            },
        }


@pytest.mark.parametrize(
    ("status", "code", "message", "detail", "report_status"),
    [
        pytest.param(
            503,
            "ERR_DATABASE_ERROR",
            "An error occurred while connecting with the database, please retry your request "
            "later.",
            None,
            "failed",
            id="retries_used_up",
        ),
        pytest.param(
            400,
            "ERR_INTERNAL_ERROR",
            "An unexpected error occurred.",
            "store_refused",
            "finished",
            id="store_refused",
        ),
    ],
)
def test_a_store_that_fails_in_mid_run(
    muster: Muster,
    tmp_path: Path,
    status: int,
    code: str,
    message: str,
    detail: str | None,
    report_status: str,
) -> None:
    path = write_lines(tmp_path / "good.jsonl", people(2))
    with QdrantTestServer(tmp_path / "server") as server:
        muster.store = server.url
        muster.create()
        server.fail_with = lambda method, path: (
            (status, {}) if method == "PUT" and path.endswith("/points") else None
        )
        ended = muster.enroll("run", path, "--retry-for", "300ms", "--workers", 1)

    assert ended.code == 1
    assert muster.report("run")["status"] == report_status
    extra = {} if detail is None else {"detail": detail}
    assert muster.records("run") == [
        {
            "code": code,
            "message": message,
            "metadata": {
                "person_id": f"id-000{n}",
                "collection_name": COLLECTION,
                "source": str(path),
                "row": str(n),
                **extra,
            },
        }
        for n in range(2)
    ]


def test_a_collection_of_another_pack_takes_the_place_of_the_one_that_was_checked(
    muster: Muster, tmp_path: Path
) -> None:
    """As where an alias is switched: vectors of one pack must not stand among another's."""
    path = write_lines(tmp_path / "good.jsonl", people(2))
    stamp = Stamp("another", (("recogniser", "r" * 64),), 128, 1)
    another = {
        "vectors": {stamp.pack: {"size": stamp.dimension, "distance": "Cosine"}},
        "metadata": {"muster": stamp.to_json()},
    }
    with QdrantTestServer(tmp_path / "server") as server:
        muster.store = server.url
        muster.create()

        def switch(method: str, path: str) -> None:
            if (method, path) == ("POST", f"/collections/{COLLECTION}/points"):  # the look-up
                server.collections.delete(COLLECTION)
                server.collections.create(COLLECTION, another)

        server.fail_with = switch
        muster.enroll("run", path, "--workers", 1)
        server.fail_with = None
        with connected(store_spec(server.url)) as store:
            assert store.find_collection(COLLECTION) == Collection(COLLECTION, 0, stamp)

    assert [(each["code"], each["metadata"]["detail"]) for each in muster.records("run")] == [
        ("ERR_INTERNAL_ERROR", "store_refused")
    ] * 2


def test_an_engine_that_raises(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "good.jsonl", people(1))
    config = EnrollConfig(
        inputs=(str(path),),
        collection=COLLECTION,
        face_storage_type=FaceStorageType.NO_STORAGE,
        run_dir=str(tmp_path / "run"),
    )

    report = run(config, pack=NullPack(recogniser=RaisingRecogniser), store=NullStoreSpec())

    assert report.account.rejected == {"ERR_INTERNAL_ERROR": 1}
    assert read_records(tmp_path / "run") == [
        {
            "code": "ERR_INTERNAL_ERROR",
            "message": "An unexpected error occurred.",
            "metadata": {
                "person_id": "id-0000",
                "collection_name": COLLECTION,
                "source": str(path),
                "row": "0",
                "detail": "ZeroDivisionError",
            },
        }
    ]


def test_a_cut_gzip_gives_one_record_without_row(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    plain = write_lines(tmp_path / "plain.jsonl", people(3)).read_bytes()
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress(plain)[:-20])

    ended = muster.enroll("run", path)

    assert ended.code == 1
    first, *rest = muster.records("run")
    assert first == {
        "code": UNPROCESSABLE[0],
        "message": UNPROCESSABLE[1],
        "metadata": {
            "collection_name": COLLECTION,
            "source": str(path),
            "detail": "truncated_input",
        },
    }
    assert [each["code"] for each in rest] == ["OK"] * len(rest)
    assert ended.json["rows_read"] == 1 + len(rest)


def test_base64_spellings_are_one_face(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    photo = portraits()[0]
    url_safe = base64.urlsafe_b64encode(photo).decode().rstrip("=")
    broken = base64.encodebytes(photo).decode().replace("\n", "\r\n")
    rows = [
        row("plain", photo),
        row("url", photo, face_base_64=url_safe),
        row("data", photo, face_base_64="data:image/jpeg;base64," + broken),
    ]

    ended = muster.enroll("run", write_lines(tmp_path / "in.jsonl", rows))

    assert ended.json["enrolled"] == 3
    stored = muster.stored("plain", "url", "data")
    assert len({each.payload["face_digest"] for each in stored.values()}) == 1
