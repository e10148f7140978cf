import base64
import io

import pytest
from PIL import Image

from benchmarks.machine import machine
from benchmarks.photos import PIXELS, by_kind, decoding, overlap, photo_sets, resized
from tests.builders import make_image, six_persons, write_parquet


def test_the_machine_is_one_line():
    assert "cores; CPython 3." in machine()
    assert "\n" not in machine()


def test_photos_are_made_large_under_new_ids(tmp_path):
    photo = make_image(400, 300)
    path = tmp_path / "photos.parquet"
    write_parquet(path, [{"person_id": "P1", "face_base_64": _base64(photo)}])
    sets = photo_sets(path)
    assert [list(photos) for photos in sets.values()] == [
        ["P1"],
        ["P1-baseline"],
        ["P1-progressive"],
    ]
    kinds = [list(by_kind(photos)) for photos in sets.values()]
    assert kinds == [["baseline"], ["baseline"], ["progressive"]]
    assert sets["as they are"]["P1"] == photo


def test_a_large_photo_keeps_the_ratio_of_its_sides():
    with Image.open(io.BytesIO(resized(six_persons(), progressive=False))) as image:
        assert image.width * image.height == pytest.approx(PIXELS, rel=1e-3)
        assert image.width / image.height == pytest.approx(1280 / 886, rel=1e-3)


def test_both_ways_of_decoding():
    megabytes = [decoding(six_persons(), way)[1] for way in ("full", "reduced")]
    assert megabytes == [1280 * 886 * 3 / 1e6, 640 * 443 * 3 / 1e6]


@pytest.mark.parametrize(
    ("other", "share"),
    [((0, 0, 4, 4), 1), ((2, 0, 6, 4), 1 / 3), ((4, 4, 8, 8), 0), ((0, 0, 2, 2), 0.25)],
)
def test_overlap(other, share):
    assert overlap((0, 0, 4, 4), other) == pytest.approx(share)


def _base64(photo):
    return base64.b64encode(photo).decode()
