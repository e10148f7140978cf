import base64
import io
from functools import cache

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from schemas.errors import RejectedError
from schemas.options import FaceStorageType, MultipleFaces
from schemas.records import Picture, Submission
from tests.builders import EXIF_ORIENTATION, STORED_AS, astronaut, make_person, six_persons
from transforms.detect_faces import aligned
from transforms.embed_faces import unit
from transforms.faces.base import FaceModel, Share
from transforms.faces.opencv_zoo import OpenCvZoo
from transforms.imaging import decode
from transforms.scales import decoded

MAX_PIXELS = 50_000_000


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return OpenCvZoo().load(Share(1, 1))


@cache
def large(photo: bytes, times: float, *, progressive: bool = False, orientation: int = 1) -> bytes:
    """Gives the photo made so many times larger, as a JPEG."""
    with Image.open(io.BytesIO(photo)) as image:
        size = (round(image.width * times), round(image.height * times))
        made = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    if orientation in STORED_AS:
        made = made.transpose(STORED_AS[orientation])
    file = io.BytesIO()
    made.save(file, "JPEG", quality=90, progressive=progressive, exif=exif)
    return file.getvalue()


def at_both_scales(encoded, storage=FaceStorageType.NO_STORAGE):
    person = make_person(face_storage_type=storage)
    submission = Submission(person, encoded)
    return decoded(submission, MAX_PIXELS, 640), Picture(person, encoded, decode(encoded), 1)


def overlap(one, other):
    x1, y1, x2, y2 = (f(a, b) for f, a, b in zip((max, max, min, min), one, other, strict=True))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    shared = max(0.0, x2 - x1) * max(0.0, y2 - y1)
    return shared / (sum(areas) - shared)


def assert_the_same_face(model, encoded, policy, reduction):
    small, full = at_both_scales(encoded)
    assert small.reduction == reduction
    found, expected = aligned(small, model, policy), aligned(full, model, policy)
    assert overlap(found.face.box, expected.face.box) >= 0.9
    assert found.face.score == pytest.approx(expected.face.score, abs=0.02)
    vectors = [unit(each) for each in model.recogniser.embed([found.crop, expected.crop])]
    assert float(vectors[0] @ vectors[1]) >= 0.99


@pytest.mark.parametrize("policy", MultipleFaces)
@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@pytest.mark.parametrize(("times", "reduction"), [(3, 2), (6, 4), (11, 8)])
def test_one_person(model, times, reduction, progressive, policy):
    encoded = large(astronaut(), times, progressive=progressive)
    assert_the_same_face(model, encoded, policy, reduction)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_that_lies(model, orientation):
    encoded = large(astronaut(), 4.003, orientation=orientation)
    assert_the_same_face(model, encoded, MultipleFaces.REJECT, 2)


@pytest.mark.parametrize("policy", [MultipleFaces.LARGEST, MultipleFaces.CENTER])
@pytest.mark.parametrize(("times", "reduction"), [(1, 2), (2, 4), (4, 8)])
def test_one_of_six_persons(model, times, reduction, policy):
    assert_the_same_face(model, large(six_persons(), times), policy, reduction)


@pytest.mark.parametrize("times", [1, 2, 4])
def test_six_persons_are_counted(model, times):
    for picture in at_both_scales(large(six_persons(), times)):
        with pytest.raises(RejectedError) as refused:
            aligned(picture, model, MultipleFaces.REJECT)
        assert refused.value.detail == "6"


@pytest.mark.parametrize(("times", "side"), [(1, 227), (2, 256), (4, 256)])
def test_a_thumbnail_is_as_large_and_sharp_as_in_full(model, times, side):
    encoded = large(six_persons(), times)
    small, full = (
        aligned(each, model, MultipleFaces.LARGEST).kept
        for each in at_both_scales(encoded, FaceStorageType.THUMBNAILS)
    )
    images = [
        np.asarray(Image.open(io.BytesIO(each)).convert("L"), float) for each in (small, full)
    ]
    assert [max(each.shape) for each in images] == [pytest.approx(side, abs=2)] * 2
    sharpness = [np.abs(np.diff(each, axis=1)).mean() for each in images]
    assert sharpness[0] >= 0.95 * sharpness[1]


@pytest.mark.parametrize("policy", MultipleFaces)
def test_real_large_photos(model, shared_data, policy):
    for row in pq.read_table(shared_data / "large_photos.parquet").to_pylist():
        small, full = at_both_scales(base64.b64decode(row["face_base_64"]))
        number = len(model.detector.detect(full.pixels))
        if number == 1 or policy is not MultipleFaces.REJECT:
            assert_the_same_face(model, small.encoded, policy, small.reduction)
            continue
        with pytest.raises(RejectedError) as refused:
            aligned(small, model, policy)
        assert refused.value.detail == str(number)
