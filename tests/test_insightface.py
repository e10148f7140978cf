"""Packs of the InsightFace library through the real command."""

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import COLLECTION, Muster, outcomes
from tests.onnx_packs import bright_cell, scrfd_graph, sface_graph, write_pack
from tests.payloads import people, row, write_lines

MISMATCH = {
    "code": "ERR_MODEL_MISMATCH",
    "message": "The collection was built with another model.",
}


def png(pixels: Any) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


@pytest.fixture
def pack(tmp_path: Path) -> str:
    """A pack in which a bright cell is a face, and its mean colour the vector."""
    return f"insightface:{write_pack(tmp_path / 'my pack')}"


def create(muster: Muster, pack: str, name: str = COLLECTION) -> None:
    ended = muster("collections", "create", name, "--store", muster.store, "--pack", pack)
    assert (ended.code, ended.json) == (0, {"name": name, "num_persons": 0})


def test_a_folder_enrolls(muster: Muster, tmp_path: Path, pack: str) -> None:
    two = bright_cell()
    two[96:, :32] = 255
    payload = write_lines(
        tmp_path / "in.jsonl",
        [
            row("one", png(bright_cell())),
            row("two", png(two)),
            row("none", png(np.zeros((128, 128, 3), np.uint8))),
            row("line", png(np.full((1, 3000, 3), 255, np.uint8))),
        ],
    )
    create(muster, pack)

    ended = muster.enroll("run", payload, "--pack", pack)

    assert ended.code == 0
    assert outcomes(muster.records("run")) == {
        "one": ("OK", "enrolled"),
        "two": ("ERR_MULTIPLE_FACES", "2"),
        "none": ("ERR_FACE_NOT_DETECTED", ""),
        "line": ("ERR_FACE_NOT_DETECTED", ""),
    }
    point = muster.stored("one")["one"]
    assert point.payload["box"] == [48.0, 16.0, 80.0, 48.0]
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert point.payload["pack"] == {
        "name": manifest["pack"]["pack"],
        "digest": manifest["pack"]["digest"],
        "precision": "float32",
    }
    assert manifest["options"]["pack"] == pack
    assert manifest["pack"]["dimension"] == 3

    again = muster.enroll("again", payload, "--pack", pack, "--multiple-faces", "reject")
    assert again.json["unchanged"] == 1


def test_each_pack_refuses_the_others_collection(muster: Muster, tmp_path: Path, pack: str) -> None:
    payload = write_lines(tmp_path / "in.jsonl", people(1))
    muster.create("of-the-default")
    create(muster, pack, "of-the-folder")
    for collection, used in (("of-the-default", pack), ("of-the-folder", "opencv-zoo")):
        options = [*muster.options("run"), "--collection", collection, "--pack", used]
        ended = muster("enroll", payload, *options)
        assert (ended.code, ended.json) == (4, MISMATCH)
        quoted = f"'{used}'" if " " in used else used
        assert "enroll with the pack that made it, or into a collection of this pack: " in (
            ended.stderr
        )
        how = f"muster collections create NEW_NAME --pack {quoted} --store {muster.store}\n"
        assert how in ended.stderr
    for collection, made_by in (
        ("of-the-default", "opencv-zoo"),
        ("of-the-folder", "insightface-"),
    ):
        shown = muster("collections", "show", collection, "--store", muster.store)
        assert shown.json["num_persons"] == 0
        stamp = json.loads((Path(muster.store) / collection / "collection.json").read_text())
        assert stamp["pack"].startswith(made_by)
    assert not (tmp_path / "run").exists()


def test_other_weights_in_the_folder_refuse_the_collection(
    muster: Muster, tmp_path: Path, pack: str
) -> None:
    create(muster, pack)
    write_pack(tmp_path / "my pack", detector=scrfd_graph(160))
    payload = write_lines(tmp_path / "in.jsonl", people(1))
    ended = muster.enroll("run", payload, "--pack", pack)
    assert (ended.code, ended.json) == (4, MISMATCH)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("insightface:", "no such folder; expected insightface:DIR", id="nothing"),
        pytest.param("insightface:no/such", "no such folder", id="no_folder"),
        pytest.param("insightface:.", "no detector in ", id="no_pack"),
        pytest.param("insightface", "expected opencv-zoo, or insightface:NAME or", id="no_name"),
    ],
)
def test_a_pack_that_is_not_there(
    muster: Muster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    muster.create()
    payload = write_lines(tmp_path / "in.jsonl", people(1))
    for ended in (
        muster.enroll("run", payload, "--pack", name),
        muster("collections", "create", "other", "--store", muster.store, "--pack", name),
    ):
        assert (ended.code, ended.stdout) == (2, "")
        assert told in ended.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore:`estimate` is deprecated")
def test_real_photos_give_the_vectors_of_the_librarys_own_loop(
    muster: Muster, tmp_path: Path, shared_data: Path
) -> None:
    """A real SCRFD and the real SFace in a folder, against FaceAnalysis, photo by photo."""
    from insightface.app import FaceAnalysis

    scrfd = (shared_data.parent / "models" / "scrfd_500m_bnkps.onnx").read_bytes()
    folder = write_pack(tmp_path / "pack", scrfd, sface_graph())
    photos = tmp_path / "photos.parquet"
    table = pq.read_table(shared_data / "lfw_sample.parquet").take(pa.array(range(0, 600, 15)))
    pq.write_table(table, photos)
    create(muster, f"insightface:{folder}")
    assert muster.enroll("run", photos, "--pack", f"insightface:{folder}").code == 0

    analysis = FaceAnalysis(str(folder), providers=["CPUExecutionProvider"])
    analysis.prepare(ctx_id=0)
    found = outcomes(muster.records("run"))
    stored = muster.stored(*found)
    one_face = 0
    for person in table.to_pylist():
        encoded = np.frombuffer(base64.b64decode(person["face_base_64"]), np.uint8)
        faces = analysis.get(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
        name = person["person_id"]
        if len(faces) != 1:
            code = "ERR_MULTIPLE_FACES" if faces else "ERR_FACE_NOT_DETECTED"
            assert found[name] == (code, str(len(faces)) if faces else "")
            continue
        one_face += 1
        assert found[name] == ("OK", "enrolled")
        assert float(stored[name].vector @ faces[0].normed_embedding) >= 0.999
        np.testing.assert_allclose(stored[name].payload["box"], faces[0].bbox, atol=0.01)
    assert one_face > 20
