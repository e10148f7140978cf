"""The models of an InsightFace pack, as the library reads them."""

import glob
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from schemas.errors import UsageError
from schemas.options import Inference
from transforms.faces.alignment import CROP_SIDES_PX, can_crop
from transforms.faces.arcface import ArcFace
from transforms.faces.base import Engine, Share
from transforms.faces.engines import start_detector, start_recogniser
from transforms.faces.onnx_engine import CPU, session_options
from transforms.faces.scrfd import Scrfd

# Of a graph that takes any number or size: what engines are tried on.
_FREE = (1, 3, 128, 128)

DETECTION, RECOGNITION = TASKS = ("detection", "recognition")  # the library's words


def onnx_files(folder: str) -> Sequence[str]:
    """Gives the files that the library looks at in a pack without a manifest, in its order."""
    return sorted(glob.glob(os.path.join(glob.escape(folder), "*.onnx")))


def read_models(folder: str, paths: Sequence[str], threads: int) -> Mapping[str, Any]:
    """Gives the library's detection and recognition models, those of them that there are.

    By the folder's manifest, where it has one of version 2; else by the shapes of the graphs in
    `paths`, the first of a task. threads: how many one inference may use. Raises UsageError.
    """
    # Takes half a second, which other packs need not wait for.
    from insightface.model_zoo import get_model, has_model_package_manifest, load_model_package

    settings = {
        "providers": CPU,
        "sess_options": session_options(threads),
        # Else it starts sessions of its own for each size, whatever `run_on_engine` puts in place.
        "static_shape_sessions": False,
    }
    models: dict[str, Any] = {}
    with redirect_stdout(sys.stderr):  # some of its models print
        with _telling("manifest.json"):
            by_manifest = has_model_package_manifest(folder)
            tasks = load_model_package(folder).tasks if by_manifest else {}
        for task in (each for each in TASKS if each in tasks):
            with _telling(tasks[task].file):
                models[task] = get_model(
                    folder, model_task=task, model_descriptor=tasks[task], **settings
                )
        for path in () if by_manifest else paths:
            with _telling(os.path.basename(path)):
                model = get_model(path, **settings)
            if getattr(model, "taskname", None) in TASKS:
                models.setdefault(model.taskname, model)
    return models


def check_models(models: Mapping[str, Any]) -> None:
    """Raises UsageError for models that are not as we need them."""
    detector, recogniser = models[DETECTION], models[RECOGNITION]
    for model in (detector, recogniser):
        _check_weights_within(model.model_file)
    if not detector.use_kps:
        raise UsageError(
            f"{_name(detector)} finds no landmarks; expected a detector that does, as det_10g.onnx"
        )
    shape = list(recogniser.input_shape)
    square = len(shape) == 4 and shape[2] == shape[3]
    if not square or not can_crop(shape[2]) or (_is_fixed(shape[0]) and shape[0] != 1):
        sides = " or ".join(map(str, CROP_SIDES_PX))
        raise UsageError(
            f"{_name(recogniser)} takes faces of shape {shape}; expected square ones, the side a "
            f"multiple of {sides}, one at a time or any number"
        )


def tried(models: Mapping[str, Any]) -> tuple[Scrfd, ArcFace, int]:
    """Gives both, run once on black pixels, and how many values a vector has. Raises UsageError."""
    detector, recogniser = models[DETECTION], models[RECOGNITION]
    side = recogniser.input_shape[2]
    black = np.zeros((side, side, 3), dtype=np.uint8)
    with _telling(_name(detector)):
        (finds := Scrfd(detector)).detect(black)
    with _telling(_name(recogniser)):
        [vector] = (embeds := ArcFace(recogniser)).embed([black])
    return finds, embeds, int(vector.size)


def run_on_engine(model: Any, digest: str, inference: Inference, share: Share) -> None:
    """Lets an engine of ours run the graph of one of the library's models.

    digest: the SHA-256 of its file. Raises UsageError.
    """
    shape = model.session.get_inputs()[0].shape
    sides = [side if _is_fixed(side) else free for side, free in zip(shape, _FREE, strict=True)]
    noise = np.random.default_rng(0).uniform(0, 255, sides)
    pixels = (noise - model.input_mean) / model.input_std
    example = pixels.astype(getattr(model, "input_dtype", np.float32))
    model.session = None  # its weights go before an engine makes others of them
    with _telling(_name(model)):
        graph = Path(model.model_file).read_bytes()
        if hashlib.sha256(graph).hexdigest() != digest:
            raise UsageError(f"{_name(model)} was changed meanwhile")
        start = start_detector if model.taskname == DETECTION else start_recogniser
        model.session = _Session(start(graph, example, inference, share))


@dataclass(frozen=True)
class _Session:
    """An engine, called as the library calls a session of ONNX Runtime."""

    engine: Engine

    def run(self, _: object, inputs: Mapping[str, NDArray[np.float32]]) -> Sequence[Any]:
        """Gives all outputs in the graph's order."""
        [batch] = inputs.values()
        return list(self.engine.run(batch).values())


def _is_fixed(number: object) -> bool:
    return isinstance(number, int) and number > 0


def _name(model: Any) -> str:
    return os.path.basename(model.model_file)


def _check_weights_within(path: str) -> None:
    """Refuses a graph whose weights lie in another file: the digest of this one says nothing."""
    with _telling(os.path.basename(path)):
        graph = onnx.load(path, load_external_data=False).graph
    if any(each.data_location == onnx.TensorProto.EXTERNAL for each in graph.initializer):
        raise UsageError(
            f"{os.path.basename(path)} keeps its weights in another file; expected them within: "
            "onnx.save(onnx.load(FILE), NEW_FILE) puts them there"
        )


@contextmanager
def _telling(file: str) -> Iterator[None]:
    """Says which file it was, whatever ONNX Runtime and the library raise for a bad one."""
    try:
        yield
    except UsageError:  # ours, and says what to do
        raise
    except Exception as error:
        text = str(error).partition("\n")[0][:200]
        raise UsageError(f"{file} cannot be used: {type(error).__name__}: {text}") from error
