"""Which of the faces in an image stands for the person."""

from collections.abc import Callable, Sequence

from schemas.errors import Code, RejectedError
from schemas.options import MultipleFaces
from schemas.records import Face


def choose(faces: Sequence[Face], policy: MultipleFaces, width: int, height: int) -> Face:
    """Gives the one face, or raises RejectedError. width, height: of the image, at that scale."""
    if not faces:
        raise RejectedError(Code.FACE_NOT_DETECTED)
    if len(faces) == 1:
        return faces[0]
    measures: dict[MultipleFaces, Callable[[Face], float]] = {
        MultipleFaces.LARGEST: area,
        MultipleFaces.CENTER: lambda face: centrality(face, width, height),
    }
    if policy not in measures:
        raise RejectedError(Code.MULTIPLE_FACES, str(len(faces)))
    return max(faces, key=measures[policy])


def area(face: Face) -> float:
    """Gives the box's area in square pixels."""
    x1, y1, x2, y2 = face.box
    return (x2 - x1) * (y2 - y1)


def centrality(face: Face, width: int, height: int) -> float:
    """Gives the area minus twice the squared distance from the image's centre.

    Source: InsightFace's default measure for the main face.
    """
    x1, y1, x2, y2 = face.box
    off_x, off_y = (x1 + x2 - width) / 2, (y1 + y2 - height) / 2
    return area(face) - 2.0 * (off_x * off_x + off_y * off_y)
