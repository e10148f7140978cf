"""Finds the face that stands for the person, and cuts it out."""

from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection

from schemas.options import FaceStorageType, MultipleFaces
from schemas.records import AlignedFace, Face, Outcome, Picture
from transforms.faces.alignment import align
from transforms.faces.base import FaceModel
from transforms.faces.choice import choose
from transforms.guard import RecordStage
from transforms.imaging import thumbnail
from transforms.load_model import ModelSource
from transforms.scales import in_full, large_enough, reduced


class _DetectFn(RecordStage):
    stage = "detect"

    def __init__(self, model: ModelSource, policy: MultipleFaces) -> None:
        self._source, self._policy = model, policy

    def advance(self, picture: Picture) -> AlignedFace:
        return aligned(picture, self._source.model, self._policy)


def aligned(picture: Picture, model: FaceModel, policy: MultipleFaces) -> AlignedFace:
    """Gives the face that stands for the person. Raises RejectedError: none, or too many."""
    height, width = picture.pixels.shape[:2]
    faces = model.detector.detect(picture.pixels)
    face = in_full(choose(faces, policy, width, height), picture.reduction)
    crop_px = model.recogniser.crop_px
    picture = large_enough(picture, face, crop_px)
    found = reduced(face, picture.reduction)
    crop = align(picture.pixels, found.landmarks, crop_px)
    return AlignedFace(picture.person, face, crop, kept_image(picture, found))


def kept_image(picture: Picture, face: Face) -> bytes:
    """Gives what the person's storage type keeps. face: in pixels of the picture."""
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
