"""The models of an InsightFace pack, as the library reads them."""

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from schemas.errors import UsageError
from transforms.faces.alignment import CROP_SIDES_PX, can_crop
from transforms.faces.arcface import ArcFace
from transforms.faces.onnx_engine import PROVIDERS, session_options
from transforms.faces.scrfd import Scrfd

DETECTION, RECOGNITION = "detection", "recognition"  # the library's words


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

    settings = {"providers": PROVIDERS, "sess_options": session_options(threads)}
    models: dict[str, Any] = {}
    if has_model_package_manifest(folder):
        with _telling("manifest.json"):
            tasks = load_model_package(folder).tasks
        for task in tasks.keys() & {DETECTION, RECOGNITION}:
            with _telling(tasks[task].file):
                models[task] = get_model(
                    folder, model_task=task, model_descriptor=tasks[task], **settings
                )
        return models
    for path in paths:
        with _telling(os.path.basename(path)):
            model = get_model(path, **settings)
        if model is not None and model.taskname in (DETECTION, RECOGNITION):
            models.setdefault(model.taskname, model)
    return models


def try_models(models: Mapping[str, Any]) -> int:
    """Runs both on black pixels; gives how many values a vector has. Raises UsageError."""
    detector, recogniser = models[DETECTION], models[RECOGNITION]
    of_detector, of_recogniser = (
        os.path.basename(each.model_file) for each in (detector, recogniser)
    )
    if not detector.use_kps:
        raise UsageError(
            f"{of_detector} finds no landmarks; expected a detector that does, as det_10g.onnx"
        )
    number, _, height, width = recogniser.input_shape
    if height != width or not can_crop(height) or (isinstance(number, int) and number != 1):
        sides = " or ".join(map(str, CROP_SIDES_PX))
        raise UsageError(
            f"{of_recogniser} takes faces of shape {recogniser.input_shape}; expected square ones, "
            f"the side a multiple of {sides}, one at a time or any number"
        )
    black = np.zeros((height, width, 3), dtype=np.uint8)
    with _telling(of_detector):
        Scrfd(detector).detect(black)
    with _telling(of_recogniser):
        one, other = ArcFace(recogniser).embed([black, black])
        return one.size if one.ndim == 1 and one.shape == other.shape else 0


@contextmanager
def _telling(file: str) -> Iterator[None]:
    """Says which file it was, whatever ONNX Runtime and the library raise for a bad one."""
    try:
        yield
    except Exception as error:
        text = str(error).partition("\n")[0][:200]
        raise UsageError(f"{file} cannot be used: {type(error).__name__}: {text}") from error
