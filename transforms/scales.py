"""At which scale a photo is decoded: no larger than what is made of it needs.

A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size, in a fraction of the time and memory. The
detector gets no fewer pixels than it takes. The face is cut from the same pixels where it is large
enough in them; else the photo is decoded again, larger.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from schemas.options import FaceStorageType
from schemas.records import Face, Picture, Submission
from transforms.faces.alignment import scale_of, similarity, template
from transforms.imaging import THUMBNAIL_PX, checked_size, decode, is_turned, with_margin
from transforms.jpeg_headers import JPEG_START

_REDUCTIONS = (8, 4, 2)
# Of a crop, against the reduced pixels. Measured against vectors of the full size: the least
# cosine was 0.993 at 0.9, 0.986 at 1.0 and 0.972 at 1.5.
_LARGEST_SCALE = 0.9


def decoded(submission: Submission, max_pixels: int, least_px: int) -> Picture:
    """Gives the picture, its longest side at least `least_px`, or as long as it is.

    Raises RejectedError(INVALID_IMAGE).
    """
    encoded, reduction = submission.encoded, 1
    sides = checked_size(encoded, max_pixels)
    if encoded.startswith(JPEG_START):
        reduction = _largest(lambda each: max(sides) >= each * least_px)
    if any(side % reduction for side in sides) and is_turned(encoded):
        # What is left over at its right and below lies at the left or above once it is upright.
        reduction = _largest(lambda each: each < reduction and not any(s % each for s in sides))
    pixels = decode(encoded, reduction)
    if max(pixels.shape[:2]) == max(sides):  # a lossless JPEG has one scale only
        reduction = 1
    return Picture(submission.person, encoded, pixels, reduction)


def large_enough(picture: Picture, face: Face, crop_px: int) -> Picture:
    """Gives the picture as large as the crop and the thumbnail of the face need it.

    face: in pixels of the full size. Raises RejectedError(INVALID_IMAGE).
    """
    if picture.reduction == 1:
        return picture
    scale = scale_of(similarity(face.landmarks, template(crop_px)))
    shown = with_margin(picture.pixels, reduced(face, picture.reduction).box)
    shown_px = max(shown.shape[:2]) * picture.reduction
    keeps = picture.person.face_storage_type is FaceStorageType.THUMBNAILS

    def is_enough(reduction: int) -> bool:
        for_crop = reduction * scale <= _LARGEST_SCALE
        for_thumbnail = not keeps or reduction * THUMBNAIL_PX <= shown_px
        return reduction <= picture.reduction and for_crop and for_thumbnail

    reduction = _largest(is_enough)
    if reduction == picture.reduction:
        return picture
    return replace(picture, pixels=decode(picture.encoded, reduction), reduction=reduction)


def in_full(face: Face, reduction: int) -> Face:
    """Gives a face that was detected in reduced pixels in those of the full size.

    Detectors make images smaller themselves, and scale what they find so.
    """
    if reduction == 1:
        return face
    x1, y1, x2, y2 = (each * reduction for each in face.box)
    return Face((x1, y1, x2, y2), face.landmarks * np.float32(reduction), face.score)


def reduced(face: Face, reduction: int) -> Face:
    """Gives a face of the full size in reduced pixels: landmarks are counted by pixels' centres."""
    if reduction == 1:
        return face
    x1, y1, x2, y2 = (each / reduction for each in face.box)
    landmarks = (face.landmarks + np.float32(0.5)) / np.float32(reduction) - np.float32(0.5)
    return Face((x1, y1, x2, y2), landmarks, face.score)


def _largest(is_enough: Callable[[int], bool]) -> int:
    return next((each for each in _REDUCTIONS if is_enough(each)), 1)
