from pathlib import Path

import pytest

from benchmarks.lfw_photos import person_in, person_on, photo_id


@pytest.mark.parametrize(
    ("photo", "person"),
    [("Jane_Doe_0003", "Jane_Doe"), ("Jane_Doe", "Jane_Doe"), ("_7", "_7"), ("a-1", "a-1")],
)
def test_who_is_on_a_photo_by_its_id(photo, person):
    assert person_on(photo) == person


@pytest.mark.parametrize(
    ("file", "photo", "person"),
    [
        pytest.param("Jane_Doe/Jane_Doe_0003.jpg", "Jane_Doe_0003", "Jane_Doe", id="lfw"),
        pytest.param("Jane_Doe_0003.jpg", "Jane_Doe_0003", "Jane_Doe", id="flat"),
        pytest.param("n000001/0001_01.jpg", "n000001_0001_01", "n000001", id="vggface"),
        pytest.param("a/b/1.png", "b_1", "b", id="deeper"),
    ],
)
def test_who_is_on_a_photo_of_a_folder(file, photo, person):
    top = Path("photos")
    assert (photo_id(top / file, top), person_in(top / file, top)) == (photo, person)
