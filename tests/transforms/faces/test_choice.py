import numpy as np
import pytest

from schemas.errors import Code, RejectedError
from schemas.options import MultipleFaces
from schemas.records import Face
from transforms.faces.choice import area, centrality, choose

WIDTH, HEIGHT = 200, 100


def face(x1, y1, x2, y2):
    return Face((x1, y1, x2, y2), np.zeros((5, 2), np.float32), 0.9)


LARGE_LEFT = face(0.0, 0.0, 60.0, 60.0)
SMALL_CENTRAL = face(85.0, 35.0, 115.0, 65.0)
FACES = [SMALL_CENTRAL, LARGE_LEFT]


def refusal(faces, policy):
    with pytest.raises(RejectedError) as refused:
        choose(faces, policy, WIDTH, HEIGHT)
    return refused.value.code, refused.value.detail


@pytest.mark.parametrize("policy", MultipleFaces)
def test_no_face(policy):
    assert refusal([], policy) == (Code.FACE_NOT_DETECTED, "")


@pytest.mark.parametrize("policy", MultipleFaces)
def test_one_face(policy):
    assert choose([LARGE_LEFT], policy, WIDTH, HEIGHT) is LARGE_LEFT


@pytest.mark.parametrize("number", [2, 3, 12])
def test_several_faces_are_counted(number):
    faces = [LARGE_LEFT] * number
    assert refusal(faces, MultipleFaces.REJECT) == (Code.MULTIPLE_FACES, str(number))


@pytest.mark.parametrize("faces", [FACES, FACES[::-1]], ids=["forwards", "backwards"])
def test_one_of_several_is_chosen(faces):
    assert choose(faces, MultipleFaces.LARGEST, WIDTH, HEIGHT) is LARGE_LEFT
    assert choose(faces, MultipleFaces.CENTER, WIDTH, HEIGHT) is SMALL_CENTRAL


def test_the_first_of_equals_is_chosen():
    first, second = face(0, 0, 10, 10), face(190, 90, 200, 100)
    assert choose([first, second], MultipleFaces.LARGEST, WIDTH, HEIGHT) is first
    assert choose([first, second], MultipleFaces.CENTER, WIDTH, HEIGHT) is first


@pytest.mark.parametrize(
    ("box", "expected_area", "expected_centrality"),
    [
        pytest.param((85, 35, 115, 65), 900.0, 900.0, id="in the centre"),
        pytest.param((0, 0, 60, 60), 3600.0, 3600.0 - 2 * (70**2 + 20**2), id="at the left"),
        pytest.param((190, 90, 200, 100), 100.0, 100.0 - 2 * (95**2 + 45**2), id="in a corner"),
    ],
)
def test_measures(box, expected_area, expected_centrality):
    assert area(face(*box)) == expected_area
    assert centrality(face(*box), WIDTH, HEIGHT) == expected_centrality
