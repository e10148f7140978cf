"""Writes `astronaut.json`, what the default pack makes of one photo.

Run it as `python -m tests.golden.regenerate`, and only where preprocessing or the weights change
on purpose: the pack's stamp must then change too.
"""

import json
from pathlib import Path
from typing import Any

from tests.builders import astronaut
from transforms.embed_faces import unit
from transforms.faces.alignment import align
from transforms.faces.base import FaceModel, Share
from transforms.faces.opencv_zoo import OpenCvZoo
from transforms.imaging import decode

FILE = Path(__file__).with_name("astronaut.json")


def measure(model: FaceModel) -> dict[str, Any]:
    """Gives what is compared: the faces found and the first numbers of the first one's vector."""
    pixels = decode(astronaut())
    faces = model.detector.detect(pixels)
    [vector] = model.recogniser.embed([align(pixels, faces[0].landmarks, model.recogniser.crop_px)])
    return {
        "faces": len(faces),
        "score": round(faces[0].score, 4),
        "box": [round(each, 2) for each in faces[0].box],
        "landmarks": faces[0].landmarks.round(2).astype(float).round(2).tolist(),
        "vector": unit(vector)[:5].astype(float).round(6).tolist(),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(measure(OpenCvZoo().load(Share(1, 1))), indent=1) + "\n")
