import hashlib
import json
import pickle
import shutil

import numpy as np
import onnx
import pytest
from insightface.app import FaceAnalysis
from onnx import TensorProto

from schemas.errors import UsageError
from schemas.options import EngineName, Inference
from tests.onnx_packs import (
    bright_cell,
    mean_colour_graph,
    scrfd_graph,
    sface_graph,
    swapper_graph,
    write_pack,
)
from transforms.faces.alignment import align
from transforms.faces.base import Share
from transforms.faces.calibration import Calibration
from transforms.faces.catalogue import find_pack

DEFAULT = Inference()
TASKS = {"detection": {"file": "det.onnx"}, "recognition": {"file": "rec.onnx"}}


def found(folder):
    return find_pack(f"insightface:{folder}")


def refusal(folder):
    with pytest.raises(UsageError) as refused:
        found(folder)
    start = f"pack insightface:{folder}: "
    assert str(refused.value).startswith(start)
    return str(refused.value).removeprefix(start)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def with_recognition(**values):
    return {**TASKS, "recognition": TASKS["recognition"] | values}


def test_a_pack_finds_aligns_and_embeds(tmp_path):
    pack = found(write_pack(tmp_path))
    model = pack.load(Share(1, 1))
    pixels = bright_cell()
    [face] = model.detector.detect(pixels)
    crops = [align(pixels, face.landmarks, model.recogniser.crop_px)]
    [vector] = model.recogniser.embed(crops)
    assert vector.shape == (pack.stamp.dimension,) == (3,)
    assert (pack.precision, pack.calibration) == ("float32", None)


def test_the_stamp_tells_the_weights(tmp_path):
    folder = write_pack(tmp_path / "one")
    stamp = found(folder).stamp
    assert stamp.weights == (
        ("detector", sha256(folder / "det.onnx")),
        ("recogniser", sha256(folder / "rec.onnx")),
    )
    prefix, _, digest = stamp.pack.partition("-")
    assert (prefix, len(digest), int(digest, 16) >= 0) == ("insightface", 12, True)
    assert (stamp.dimension, stamp.preprocessing) == (3, 2)


def test_the_same_weights_are_the_same_pack_wherever_they_lie(tmp_path):
    folder = write_pack(tmp_path / "one")
    shutil.copytree(folder, tmp_path / "two")
    (tmp_path / "two" / "det.onnx").rename(tmp_path / "two" / "another-name.onnx")
    assert found(tmp_path / "two").stamp == found(folder).stamp


def test_other_weights_are_another_pack(tmp_path):
    one = found(write_pack(tmp_path / "one")).stamp
    two = found(write_pack(tmp_path / "two", detector=scrfd_graph(160))).stamp
    assert one.pack != two.pack
    assert one.digest != two.digest


def test_a_pack_travels_to_workers(tmp_path):
    pack = found(write_pack(tmp_path))
    assert pickle.loads(pickle.dumps(pack)) == pack


def test_the_first_file_of_a_task_counts_and_others_are_left(tmp_path, capsys):
    """As in the library's FaceAnalysis: by name, and by the shapes of the graphs."""
    folder = write_pack(tmp_path)
    (folder / "2d106det.onnx").write_bytes(mean_colour_graph(side=192))
    (folder / "genderage.onnx").write_bytes(mean_colour_graph(side=96))
    (folder / "zzz.onnx").write_bytes(mean_colour_graph(side=128))
    (folder / "._det.onnx").write_bytes(b"what another system leaves")
    (folder / "inswapper.onnx").write_bytes(swapper_graph())
    assert found(folder).files == (str(folder / "det.onnx"), str(folder / "rec.onnx"))
    assert capsys.readouterr().out == ""


def test_a_manifest_says_what_is_what(tmp_path):
    tasks = {"detection": {"file": "det.onnx"}, "recognition": {"file": "zzz.onnx"}}
    folder = write_pack(tmp_path, manifest=tasks)
    (folder / "zzz.onnx").write_bytes(mean_colour_graph(side=224))
    pack = found(folder)
    assert pack.files[1] == str(folder / "zzz.onnx")
    assert pack.load(Share(1, 1)).recogniser.crop_px == 224


@pytest.mark.parametrize(
    ("values", "dtype", "white"),
    [
        pytest.param({}, TensorProto.FLOAT, 1.0, id="the library's default"),
        pytest.param(
            {"preprocessing": {"mean": 0, "std": 255}}, TensorProto.FLOAT, 1.0, id="mean_and_std"
        ),
        pytest.param(
            {"preprocessing": {"mean": 55, "std": 100}}, TensorProto.FLOAT, 2.0, id="other_values"
        ),
        pytest.param({"preprocessing": "embedded"}, TensorProto.FLOAT, 255.0, id="embedded"),
        pytest.param({"preprocessing": "embedded"}, TensorProto.UINT8, 255.0, id="embedded_uint8"),
    ],
)
def test_a_manifest_says_what_becomes_of_pixels(tmp_path, values, dtype, white):
    graph = mean_colour_graph(dtype=dtype)
    folder = write_pack(tmp_path, recogniser=graph, manifest=with_recognition(**values))
    [vector] = (
        found(folder).load(Share(1, 1)).recogniser.embed([np.full((112, 112, 3), 255, np.uint8)])
    )
    np.testing.assert_allclose(vector, white, rtol=1e-5)


def test_other_pixels_are_another_pack(tmp_path):
    """The weights are the same, the vectors are not."""
    plain = found(write_pack(tmp_path / "plain")).stamp
    same = found(write_pack(tmp_path / "same", manifest=TASKS)).stamp
    embedded = with_recognition(preprocessing="embedded")
    other = found(write_pack(tmp_path / "other", manifest=embedded)).stamp
    assert same == plain
    assert other.weights == plain.weights
    assert other.pack != plain.pack


def test_a_manifest_of_another_version_is_passed_over(tmp_path):
    """As in the library."""
    folder = write_pack(tmp_path)
    (folder / "manifest.json").write_text(json.dumps({"manifest_version": 1}))
    assert found(folder).files[0] == str(folder / "det.onnx")


def test_a_calibration_in_the_folder_is_the_packs(tmp_path):
    folder = write_pack(tmp_path)
    content = {"pack": found(folder).stamp.pack, "cosines": [0.1, 0.2, 0.3, 0.4]}
    (folder / "calibration.json").write_text(json.dumps(content))
    assert found(folder).calibration == Calibration((0.1, 0.2, 0.3, 0.4))
    (folder / "det.onnx").write_bytes(scrfd_graph(160))
    other = found(folder)  # another pack now: enrolling with it needs no calibration
    with pytest.raises(UsageError, match="cannot be used: it is for pack insightface-"):
        _ = other.calibration


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda f: (f / "rec.onnx").write_bytes(mean_colour_graph(side=224)), id="file"
        ),
        pytest.param(lambda f: (f / "rec.onnx").unlink(), id="gone"),
        pytest.param(
            lambda f: write_pack(f, manifest=with_recognition(preprocessing="embedded")),
            id="manifest",
        ),
    ],
)
def test_what_changes_after_the_check_is_not_used(tmp_path, change):
    folder = write_pack(tmp_path)
    pack = found(folder)
    change(folder)
    with pytest.raises(UsageError, match=r"was changed meanwhile|cannot be used"):
        pack.load(Share(1, 1))


MANIFESTS = {
    "none": None,
    "defaults": TASKS,
    "mean and std": with_recognition(preprocessing={"mean": 55, "std": 100}),
    "embedded": with_recognition(preprocessing="embedded"),
    "detector": TASKS
    | {"detection": {"file": "det.onnx", "preprocessing": {"mean": 0, "std": 255}}},
}


@pytest.mark.filterwarnings("ignore:`estimate` is deprecated")
@pytest.mark.parametrize("side", [112, 128, 224])
@pytest.mark.parametrize("name", MANIFESTS)
def test_faces_and_vectors_are_those_of_face_analysis(tmp_path, name, side):
    folder = write_pack(tmp_path, recogniser=mean_colour_graph(side=side), manifest=MANIFESTS[name])
    check_sameness(folder, bright_cell().repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.filterwarnings("ignore:`estimate` is deprecated")
@pytest.mark.parametrize("engine", [EngineName.AUTO, EngineName.ONNXRUNTIME, EngineName.OPENVINO])
@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("enlarged", [1, 5])
def test_a_detector_of_any_size_looks_at_those_of_face_analysis(
    tmp_path, enlarged, as_published, engine
):
    """As the library's own packs have it; what those declare of their outputs is not so."""
    folder = write_pack(
        tmp_path,
        detector=scrfd_graph("?", as_published=as_published),
        recogniser=mean_colour_graph("None", told=[1, 3] if as_published else None),
    )
    pixels = bright_cell().repeat(enlarged, axis=0).repeat(enlarged, axis=1)
    check_sameness(folder, pixels, Inference(engine))


def check_sameness(folder, pixels, inference=DEFAULT):
    """The faces and vectors of our engines are those of the library's FaceAnalysis."""
    pixels[::3, :, 1] //= 2
    analysis = FaceAnalysis(str(folder), providers=["CPUExecutionProvider"])
    analysis.prepare(ctx_id=0)
    expected = analysis.get(np.ascontiguousarray(pixels[:, :, ::-1]))
    expected.sort(key=lambda face: tuple(face.bbox.round()))  # many have the same score
    model = find_pack(f"insightface:{folder}", inference).load(Share(1, 1))
    faces = sorted(model.detector.detect(pixels), key=lambda face: tuple(np.round(face.box)))
    assert len(faces) == len(expected) > 0
    crops = [align(pixels, each.landmarks, model.recogniser.crop_px) for each in faces]
    for face, vector, theirs in zip(faces, model.recogniser.embed(crops), expected, strict=True):
        np.testing.assert_allclose(face.box, theirs.bbox, atol=0.01)
        np.testing.assert_allclose(face.landmarks, theirs.kps, atol=0.01)
        np.testing.assert_allclose(vector, theirs.embedding, rtol=0.01, atol=0.01)


# What cannot be used is told before anything is touched.


def test_an_empty_folder(tmp_path):
    assert refusal(tmp_path) == f"no detector in {tmp_path}, which holds no .onnx file"


def test_a_folder_within_the_folder(tmp_path):
    """Some of the library's zip files hold one."""
    write_pack(tmp_path / "antelopev2")
    assert refusal(tmp_path) == (
        f"no detector in {tmp_path}, which holds no .onnx file; its folder antelopev2 has some: "
        "give that one"
    )


def test_no_recogniser(tmp_path):
    (write_pack(tmp_path) / "rec.onnx").unlink()
    assert refusal(tmp_path) == f"no recogniser in {tmp_path}, which holds det.onnx"


def test_weights_in_another_file(tmp_path):
    """The digest of the graph would say nothing of them."""
    folder = write_pack(tmp_path, recogniser=sface_graph())
    graph = onnx.load(folder / "rec.onnx")
    onnx.save(graph, folder / "rec.onnx", save_as_external_data=True, location="rec.data")
    assert refusal(folder).startswith("rec.onnx keeps its weights in another file; expected them ")


@pytest.mark.parametrize(
    "content", [b"", b"rubbish", scrfd_graph()[:-1000]], ids=["empty", "rubbish", "cut short"]
)
def test_a_broken_file(tmp_path, content):
    assert refusal(write_pack(tmp_path, detector=content)).startswith("det.onnx cannot be used: ")


def test_a_detector_without_landmarks(tmp_path):
    assert refusal(write_pack(tmp_path, detector=scrfd_graph(landmarks=False))) == (
        "det.onnx finds no landmarks; expected a detector that does, as det_10g.onnx"
    )


@pytest.mark.parametrize(
    ("graph", "shape"),
    [
        pytest.param(mean_colour_graph(side=144), "['batch', 3, 144, 144]", id="size"),
        pytest.param(mean_colour_graph(batch=4), "[4, 3, 112, 112]", id="batch"),
    ],
)
def test_a_recogniser_of_another_shape(tmp_path, graph, shape):
    assert refusal(write_pack(tmp_path, recogniser=graph)) == (
        f"rec.onnx takes faces of shape {shape}; expected square ones, the side a multiple of "
        "112 or 128, one at a time or any number"
    )


@pytest.mark.parametrize(
    ("tasks", "told"),
    [
        pytest.param(
            [], "manifest.json cannot be used: TypeError: tasks must be an object", id="a"
        ),
        pytest.param(
            {**TASKS, "recognition": {"file": "../rec.onnx"}},
            "manifest.json cannot be used: ValueError: tasks.recognition.file escapes the package",
            id="b",
        ),
        pytest.param(
            {**TASKS, "recognition": {"file": "gone.onnx"}},
            "gone.onnx cannot be used: FileNotFoundError: model file does not exist: ",
            id="c",
        ),
        pytest.param(
            with_recognition(sha256="0" * 64),
            "rec.onnx cannot be used: RuntimeError: model SHA-256 mismatch for ",
            id="d",
        ),
        pytest.param({"detection": TASKS["detection"]}, "no recogniser in ", id="e"),
    ],
)
def test_a_manifest_that_cannot_be_followed(tmp_path, tasks, told):
    assert refusal(write_pack(tmp_path, manifest=tasks)).startswith(told)
