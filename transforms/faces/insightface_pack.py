"""Packs of the InsightFace library: whoever has a licence for their weights brings the folder.

The library says which file of a folder is what, and its model objects prepare pixels, find and
embed as they do in its FaceAnalysis. That class itself prints, asserts, and recognises face by
face: it is not used.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import UsageError
from schemas.stamp import Stamp
from transforms.faces.arcface import ArcFace
from transforms.faces.base import FaceModel
from transforms.faces.calibration import Calibration, read_calibration
from transforms.faces.insightface_folder import find_folder
from transforms.faces.insightface_models import (
    DETECTION,
    RECOGNITION,
    onnx_files,
    read_models,
    try_models,
)
from transforms.faces.scrfd import Scrfd

CALIBRATION_FILE = "calibration.json"

_TASKS = {"detector": DETECTION, "recogniser": RECOGNITION}
_PREPROCESSING = 1


@dataclass(frozen=True, slots=True)
class InsightFacePack:
    """An SCRFD detector and an ArcFace recogniser. files: path by role, as in the stamp."""

    folder: str
    files: tuple[tuple[str, str], ...]
    stamp: Stamp
    calibration: Calibration | None
    precision: str = "float32"

    def load(self, threads: int) -> FaceModel:
        """Reads both files. Raises UsageError where they are no longer those of the stamp."""
        if _digests(self.files) != self.stamp.weights:
            raise UsageError(f"pack insightface:{self.folder}: its files were changed meanwhile")
        models = read_models(self.folder, [path for _, path in self.files], threads)
        return FaceModel(Scrfd(models[DETECTION]), ArcFace(models[RECOGNITION]))


def find_insightface(name: str) -> InsightFacePack:
    """Gives the pack of a folder, or one that the library knows by name. Raises UsageError.

    Both models are run once: only a vector tells how many values vectors have.
    """
    folder = str(find_folder(name))
    try:
        return _described(folder)
    except UsageError as error:
        raise UsageError(f"pack insightface:{name}: {error}") from error


def _described(folder: str) -> InsightFacePack:
    models = read_models(folder, onnx_files(folder), threads=1)
    for role, task in _TASKS.items():
        if task not in models:
            raise UsageError(f"no {role} in {folder}, which holds {_listed(folder)}")
    dimension = try_models(models)
    files = tuple((role, str(models[task].model_file)) for role, task in _TASKS.items())
    weights = _digests(files)
    # A manifest may ask for other pixels: then the vectors are others.
    pixels = {role: _pixels(models[task]) for role, task in _TASKS.items()}
    digest = hashlib.sha256(json.dumps([weights, pixels]).encode()).hexdigest()
    stamp = Stamp(f"insightface-{digest[:12]}", weights, dimension, _PREPROCESSING)
    calibration = read_calibration(Path(folder, CALIBRATION_FILE), stamp.pack)
    return InsightFacePack(folder, files, stamp, calibration)


def _digests(files: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    digests = []
    for role, path in files:
        with open(path, "rb") as file:
            digests.append((role, hashlib.file_digest(file, "sha256").hexdigest()))
    return tuple(digests)


def _pixels(model: Any) -> Mapping[str, Any]:
    """Gives how the library turns pixels into the graph's input."""
    dtype = np.dtype(getattr(model, "input_dtype", np.float32))
    return {"mean": model.input_mean, "std": model.input_std, "dtype": dtype.name}


def _listed(folder: str) -> str:
    """Gives what there is to see instead of a pack; zip files of packs often hold a folder."""
    below = [each.parent.name for each in Path(folder).glob("*/*.onnx")]
    found = [os.path.basename(each) for each in onnx_files(folder)] or ["no .onnx file"]
    hint = f"; its folder {below[0]} has some: give that one" if below else ""
    return f"{', '.join(found[:10])}{hint}"
