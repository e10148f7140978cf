"""Packs of the InsightFace library: whoever has a licence for their weights brings the folder.

The library says which file of a folder is what, and its model objects prepare pixels, find and
embed as they do in its FaceAnalysis. That class itself prints, asserts, and recognises face by
face: it is not used.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import UsageError
from schemas.options import Inference
from schemas.stamp import Stamp
from transforms.faces.base import FaceModel, Share
from transforms.faces.calibration import Calibration, read_calibration
from transforms.faces.engines import check_inference
from transforms.faces.insightface_folder import find_folder
from transforms.faces.insightface_models import (
    DETECTION,
    RECOGNITION,
    TASKS,
    check_models,
    onnx_files,
    read_models,
    run_on_engine,
    tried,
)

CALIBRATION_FILE = "calibration.json"

_ROLES = {"detector": DETECTION, "recogniser": RECOGNITION}
# Rises with every version of the library, or change of ours, that makes other vectors of the same
# weights: InsightFace 2.1, its FaceAnalysis' sizes and score, our alignment. 2: large faces are
# averaged into their crop.
_PREPROCESSING = 2


@dataclass(frozen=True, slots=True)
class InsightFacePack:
    """An SCRFD detector and an ArcFace recogniser. files: their paths."""

    folder: str
    files: tuple[str, ...]
    stamp: Stamp
    inference: Inference

    @property
    def precision(self) -> str:
        """As asked for."""
        return str(self.inference.precision)

    @property
    def calibration(self) -> Calibration | None:
        """What `calibration.json` in the folder holds. Raises UsageError."""
        return read_calibration(Path(self.folder, CALIBRATION_FILE), self.stamp.pack)

    def load(self, share: Share) -> FaceModel:
        """Reads both files. Raises UsageError where the folder no longer gives the same pack."""
        models = _both_models(self.folder, self.files, share.threads)
        if _stamp(models, self.stamp.weights, self.stamp.dimension) != self.stamp:
            raise UsageError(f"pack insightface:{self.folder}: it was changed meanwhile")
        for role, digest in self.stamp.weights:
            run_on_engine(models[_ROLES[role]], digest, self.inference, share)
        detector, recogniser, _ = tried(models)
        return FaceModel(detector, recogniser)


def find_insightface(name: str, inference: Inference) -> InsightFacePack:
    """Gives the pack of a folder, or one that the library knows by name. Raises UsageError.

    Both models are run once: only a vector tells how many values vectors have.
    """
    check_inference(inference)
    folder = str(find_folder(name))
    try:
        models = _both_models(folder, onnx_files(folder), threads=1)
        check_models(models)
        *_, dimension = tried(models)
        weights = tuple((role, _sha256(models[task].model_file)) for role, task in _ROLES.items())
        stamp = _stamp(models, weights, dimension)
    except UsageError as error:
        raise UsageError(f"pack insightface:{name}: {error}") from error
    files = tuple(str(models[each].model_file) for each in TASKS)
    return InsightFacePack(folder, files, stamp, inference)


def _both_models(folder: str, paths: Sequence[str], threads: int) -> Mapping[str, Any]:
    """Gives detector and recogniser, or raises UsageError that tells what there is instead."""
    models = read_models(folder, paths, threads)
    for role, task in _ROLES.items():
        if task in models:
            continue
        found = [os.path.basename(each) for each in onnx_files(folder)] or ["no .onnx file"]
        # Zip files of packs often hold a folder.
        below = [each.parent.name for each in Path(folder).glob("*/*.onnx")]
        hint = f"; its folder {below[0]} has some: give that one" if below else ""
        raise UsageError(f"no {role} in {folder}, which holds {', '.join(found[:10])}{hint}")
    return models


def _stamp(
    models: Mapping[str, Any], weights: tuple[tuple[str, str], ...], dimension: int
) -> Stamp:
    """Gives the stamp, named after the weights and after what becomes of pixels.

    A manifest may ask for other pixels: then the vectors are others.
    """
    pixels = {role: _pixels(models[task]) for role, task in _ROLES.items()}
    digest = hashlib.sha256(json.dumps([weights, pixels]).encode()).hexdigest()
    return Stamp(f"insightface-{digest[:12]}", weights, dimension, _PREPROCESSING)


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pixels(model: Any) -> Mapping[str, Any]:
    """Gives how the library turns pixels into the graph's input."""
    dtype = np.dtype(getattr(model, "input_dtype", np.float32))
    return {"mean": model.input_mean, "std": model.input_std, "dtype": dtype.name}
