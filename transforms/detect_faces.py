"""Finds the face that stands for the person, and cuts it out."""

from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection

from schemas.options import FaceStorageType, MultipleFaces
from schemas.records import AlignedFace, Face, Outcome, Picture
from transforms.faces.alignment import align
from transforms.faces.choice import choose
from transforms.guard import RecordStage
from transforms.imaging import thumbnail
from transforms.load_model import ModelSource


class _DetectFn(RecordStage):
    stage = "detect"

    def __init__(self, model: ModelSource, policy: MultipleFaces) -> None:
        self._source, self._policy = model, policy

    def advance(self, picture: Picture) -> AlignedFace:
        height, width = picture.pixels.shape[:2]
        model = self._source.get()
        faces = model.detector.detect(picture.pixels)
        face = choose(faces, self._policy, width, height)
        crop = align(picture.pixels, face.landmarks, model.recogniser.crop_px)
        return AlignedFace(picture.person, face, crop, kept_image(picture, face))


def kept_image(picture: Picture, face: Face) -> bytes:
    """Gives what the person's storage type keeps of the image."""
    match picture.person.face_storage_type:
        case FaceStorageType.THUMBNAILS:
            return thumbnail(picture.pixels, face.box)
        case FaceStorageType.FULL_IMAGE:
            return picture.encoded
        case FaceStorageType.NO_STORAGE:
            return b""


@dataclass
class DetectFaces(
    beam.PTransform[PCollection[Picture | Outcome], PCollection[AlignedFace | Outcome]]
):
    """Pictures to AlignedFaces, or to Outcomes: no face, or too many for the policy."""

    model: ModelSource
    policy: MultipleFaces

    def expand(
        self, pictures: PCollection[Picture | Outcome]
    ) -> PCollection[AlignedFace | Outcome]:
        return pictures | "DetectFace" >> beam.ParDo(_DetectFn(self.model, self.policy))
