"""The engines run the same graph to the same result, and `auto` takes none that does not."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from schemas.errors import UsageError
from schemas.options import EngineName, Inference, Precision
from tests.builders import astronaut
from transforms.faces import engines, onnx_engine
from transforms.faces.alignment import align
from transforms.faces.base import Engine, Share
from transforms.faces.engines import check_inference, start_detector, start_recogniser
from transforms.faces.graphs import fold_quantised
from transforms.faces.onnx_engine import OnnxEngine
from transforms.faces.opencv_zoo import OpenCvZoo
from transforms.faces.openvino_engine import OpenVinoEngine, has_bfloat16
from transforms.faces.yunet import prepare
from transforms.imaging import decode
from transforms.package_files import package_folder

Batch = NDArray[np.float32]
PACK = OpenCvZoo()
ALONE = Share(calls=1, threads=1)
AUTO = Inference()
needs_bfloat16 = pytest.mark.skipif(not has_bfloat16(), reason="no bfloat16 arithmetic here")


def graph_of(role: str) -> bytes:
    file = getattr(PACK, role)
    content = Path(package_folder(PACK.package) or "", file.path).read_bytes()
    return fold_quantised(content, any_size=role == "detector")


@pytest.fixture(scope="module")
def graphs() -> Mapping[str, bytes]:
    return {role: graph_of(role) for role in ("detector", "recogniser")}


@pytest.fixture(scope="module")
def batches() -> Mapping[str, Batch]:
    pixels = decode(astronaut())
    [face] = PACK.load(ALONE).detector.detect(pixels)
    crop = align(pixels, face.landmarks, 112).transpose(2, 0, 1)[None].astype(np.float32)
    return {"detector": prepare(pixels)[0], "recogniser": crop}


def cosine(one: Batch, other: Batch) -> float:
    one, other = one.ravel(), other.ravel()
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("role", ["detector", "recogniser"])
def test_openvino_gives_what_onnx_runtime_gives(graphs, batches, role):
    expected = OnnxEngine(graphs[role], 1).run(batches[role])
    found = OpenVinoEngine(graphs[role], ALONE, Precision.FLOAT32).run(batches[role])
    assert list(found) == list(expected)
    for name, value in found.items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, expected[name], rtol=1e-3, atol=1e-3)


def test_no_face_is_none_with_either_engine():
    blank = np.zeros((40, 60, 3), np.uint8)
    for engine in (EngineName.ONNXRUNTIME, EngineName.OPENVINO):
        model = OpenCvZoo(inference=Inference(engine)).load(ALONE)
        assert model.detector.detect(blank) == []


@needs_bfloat16
def test_bfloat16_is_near_and_not_the_same(graphs, batches):
    exact, near = (
        OpenVinoEngine(graphs["recogniser"], ALONE, each).run(batches["recogniser"])["fc1"]
        for each in (Precision.FLOAT32, Precision.BFLOAT16)
    )
    assert 0.99 < cosine(exact, near) < 0.999999


def test_several_threads_get_each_their_own(graphs):
    """One compiled graph, as many requests as threads, several batch sizes in turn."""
    engine = OpenVinoEngine(graphs["recogniser"], Share(calls=2, threads=1), Precision.FLOAT32)
    rng = np.random.default_rng(1)
    batches = [rng.uniform(0, 255, (1 + n % 3, 3, 112, 112)).astype(np.float32) for n in range(12)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda each: engine.run(each)["fc1"], batches))
    for batch, vectors in zip(batches, found, strict=True):
        assert len(vectors) == len(batch)
        np.testing.assert_allclose(vectors, engine.run(batch)["fc1"], rtol=1e-3, atol=1e-3)


class TestAuto:
    def test_takes_onnx_runtime_to_detect_and_openvino_to_recognise(self, graphs, batches):
        arguments = (Inference(), ALONE)
        detector = start_detector(graphs["detector"], batches["detector"], *arguments)
        recogniser = start_recogniser(graphs["recogniser"], batches["recogniser"], *arguments)
        assert isinstance(detector, OnnxEngine)
        assert isinstance(recogniser, OpenVinoEngine)

    def test_takes_none_that_is_not_exact(self, monkeypatch, graphs, batches):
        class Wrong(OpenVinoEngine):
            def run(self, batch: Batch) -> Mapping[str, Batch]:
                return {name: each[:, ::-1] for name, each in super().run(batch).items()}

        monkeypatch.setattr(engines, "OpenVinoEngine", Wrong)
        assert isinstance(recogniser_of(graphs, batches), OnnxEngine)

    def test_takes_none_that_cannot_run_the_graph(self, monkeypatch, graphs, batches):
        def broken(*_: object) -> OpenVinoEngine:
            raise RuntimeError("no such operation")

        monkeypatch.setattr(engines, "OpenVinoEngine", broken)
        assert isinstance(recogniser_of(graphs, batches), OnnxEngine)

    def test_takes_no_gpu_that_is_not_there(self, monkeypatch, graphs, batches):
        """As where the package for GPUs is installed on a machine without one."""
        monkeypatch.setattr(engines, "has_provider", lambda _: True)
        with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
            assert isinstance(recogniser_of(graphs, batches), OpenVinoEngine)


def recogniser_of(
    graphs: Mapping[str, bytes], batches: Mapping[str, Batch], inference: Inference = AUTO
) -> Engine:
    return start_recogniser(graphs["recogniser"], batches["recogniser"], inference, ALONE)


def test_the_one_asked_for_is_taken(graphs, batches):
    for name, engine in (
        (EngineName.ONNXRUNTIME, OnnxEngine),
        (EngineName.OPENVINO, OpenVinoEngine),
    ):
        inference = Inference(name)
        assert isinstance(recogniser_of(graphs, batches, inference), engine)
        detector = start_detector(graphs["detector"], batches["detector"], inference, ALONE)
        assert isinstance(detector, engine)


@pytest.mark.parametrize("engine", [EngineName.CUDA, EngineName.TENSORRT])
def test_a_gpu_engine_that_is_not_installed_is_refused(monkeypatch, engine):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(UsageError, match=f"--engine {engine}: .* install onnxruntime-gpu in place"):
        check_inference(Inference(engine))


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_gpu_engine_that_falls_back_to_the_cpu_is_refused(graphs):
    """As where the provider is installed, and the GPU is not there."""
    with pytest.raises(UsageError, match=r"--engine cuda: ONNX Runtime falls back to CPUExecution"):
        OnnxEngine(graphs["detector"], 1, EngineName.CUDA)


def test_a_gpu_engine_that_cannot_start_is_refused_and_prints_nothing(graphs, monkeypatch, capfd):
    """As where the libraries are there and the device is not: nothing belongs on stdout."""
    providers = {EngineName.CUDA: [("CUDAExecutionProvider", "no options"), *onnx_engine.CPU]}
    monkeypatch.setattr(onnx_engine, "_PROVIDERS", providers)
    with pytest.raises(
        UsageError, match=r"--engine cuda: .*; expected an NVIDIA GPU with its driver"
    ):
        OnnxEngine(graphs["detector"], 1, EngineName.CUDA)
    assert capfd.readouterr().out == ""


class TestBfloat16:
    def test_is_refused_by_another_engine(self):
        with pytest.raises(UsageError, match=r"--engine onnxruntime has none; expected openvino"):
            check_inference(Inference(EngineName.ONNXRUNTIME, Precision.BFLOAT16))

    def test_is_refused_where_the_processor_has_none(self, monkeypatch):
        monkeypatch.setattr(engines, "has_bfloat16", lambda: False)
        with pytest.raises(UsageError, match="this processor has no bfloat16 arithmetic"):
            check_inference(Inference(precision=Precision.BFLOAT16))

    @needs_bfloat16
    def test_is_the_recognisers_alone(self, graphs, batches):
        inference = Inference(EngineName.OPENVINO, Precision.BFLOAT16)
        detector = start_detector(graphs["detector"], batches["detector"], inference, ALONE)
        exact = OpenVinoEngine(graphs["detector"], ALONE, Precision.FLOAT32)
        for one, other in zip(
            detector.run(batches["detector"]).values(),
            exact.run(batches["detector"]).values(),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)
        fast = recogniser_of(graphs, batches, inference).run(batches["recogniser"])["fc1"]
        slow = recogniser_of(graphs, batches).run(batches["recogniser"])["fc1"]
        assert cosine(fast, slow) < 0.999999
