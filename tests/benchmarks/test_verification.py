import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.verification import (
    Cosines,
    Pair,
    all_pairs,
    at_false_accept_rate,
    cosines_of,
    fold_accuracies,
    read_pairs,
)

OFFICIAL = "10\t300\nJane_Doe\t1\t4\nAda\t2\tJane_Doe\t12\n"
SHEET = "name,imagenum1,imagenum2,\nJane_Doe,1,4,\nAda,2,Jane_Doe,12\n"


def unit(*angles):
    """Gives vectors of length 1 in the plane."""
    return np.array([[np.cos(each), np.sin(each)] for each in angles], np.float32)


@pytest.mark.parametrize(
    "text", [OFFICIAL, SHEET, OFFICIAL.partition("\n")[2] + "\n", "\ufeff" + SHEET]
)
def test_pairs_are_read_as_lfw_writes_them(tmp_path, text):
    (tmp_path / "pairs.txt").write_text(text)
    assert read_pairs(tmp_path / "pairs.txt") == [
        Pair("Jane_Doe_0001", "Jane_Doe_0004", same=True),
        Pair("Ada_0002", "Jane_Doe_0012", same=False),
    ]


def test_two_photos_of_one_name_are_a_pair_of_one_person(tmp_path):
    (tmp_path / "pairs.txt").write_text("Ada 1 Ada 2\n")
    assert read_pairs(tmp_path / "pairs.txt") == [Pair("Ada_0001", "Ada_0002", same=True)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "no pairs", id="empty"),
        pytest.param("10\t300\n", "no pairs", id="heading_alone"),
        pytest.param(OFFICIAL + "Jane_Doe\n", "line 4: expected NAME N N", id="one_word"),
        pytest.param(OFFICIAL + "Jane Doe 1 4\n", "line 4: expected NAME N N", id="spaces"),
    ],
)
def test_what_is_no_list_of_pairs_is_told(tmp_path, text, told):
    (tmp_path / "pairs.txt").write_text(text)
    with pytest.raises(ValueError, match=told):
        read_pairs(tmp_path / "pairs.txt")


def test_all_pairs_are_each_taken_once():
    cosines = all_pairs(["Ada", "Ada", "Bob", "Ada"], unit(0.0, 0.1, 1.0, 0.3))
    assert sorted(cosines.genuine) == pytest.approx(np.cos([0.3, 0.2, 0.1]), abs=1e-6)
    assert sorted(cosines.impostor) == pytest.approx(np.cos([1.0, 0.9, 0.7]), abs=1e-6)
    assert str(cosines) == "3 of one person, 3 of two"


def test_a_photo_without_a_vector_is_like_no_other():
    vectors = unit(0.0, 0.5, 0.1)
    vectors[2] = np.nan
    every = all_pairs(["a", "a", "a"], vectors)
    assert sorted(every.genuine) == pytest.approx([-1.0, -1.0, np.cos(0.5)])
    pairs = [Pair("a_1", "a_2", same=True), Pair("a_1", "a_3", same=True)]
    judged = cosines_of(pairs, ["a_1", "a_2", "a_3"], vectors)
    assert judged.genuine == pytest.approx([np.cos(0.5), -1.0])
    assert judged.impostor.size == 0


def test_pairs_of_other_photos_are_told():
    pairs = [Pair("a_1", "a_2", same=True), Pair("a_1", "b_1", same=False)]
    with pytest.raises(ValueError, match="2 photos of the pairs are not there, a_2 among them; "):
        cosines_of(pairs, ["a_1", "c_1"], unit(0.0, 0.5))


def test_one_photo_makes_no_pair():
    with pytest.raises(ValueError, match="expected two photos or more, not 1"):
        all_pairs(["a"], unit(0.0))


@given(st.integers(1, 400), st.sampled_from([1e-1, 1e-2, 1e-3]), st.integers(0, 9))
def test_no_more_than_the_rate_is_accepted(number, rate, seed):
    rng = np.random.default_rng(seed)
    cosines = Cosines(np.float32([0.9, 0.1]), rng.uniform(-1, 1, number).astype(np.float32))
    found = at_false_accept_rate(cosines, rate)
    if number * rate < 1:
        assert found is None
        return
    threshold, accepted = found
    assert (cosines.impostor > threshold).sum() == int(number * rate)
    assert accepted == (cosines.genuine > threshold).mean()


def test_without_pairs_of_one_person_nothing_is_told():
    assert at_false_accept_rate(Cosines(np.float32([]), np.ones(1000, np.float32)), 0.1) is None


def test_pairs_that_lie_apart_are_all_told_right():
    cosines = Cosines(np.full(30, 0.6, np.float32), np.full(300, 0.2, np.float32))
    accuracies, threshold = fold_accuracies(cosines)
    assert accuracies.tolist() == [1.0] * 10
    assert threshold == pytest.approx(0.4, abs=1e-3)


def test_a_fold_is_judged_by_the_threshold_of_the_others():
    genuine = np.full(100, 0.6, np.float32)
    genuine[10:20] = 0.3  # the second fold's: below the threshold that is best for the others
    impostor = np.full(100, 0.2, np.float32)
    impostor[:5] = 0.5  # half of the first fold's: above it
    accuracies, _ = fold_accuracies(Cosines(genuine, impostor))
    assert accuracies.tolist() == [0.75, 0.5, *[1.0] * 8]


def test_of_two_thresholds_that_are_as_good_one_is_taken():
    """And none between them, which would be worse than either."""
    genuine, impostor = np.float32([0.3, 0.9] * 50), np.float32([0.1, 0.6] * 50)
    accuracies, _ = fold_accuracies(Cosines(genuine, impostor))
    assert accuracies.tolist() == [0.75] * 10


def test_too_few_pairs_are_told():
    few = Cosines(np.ones(9, np.float32), np.ones(50, np.float32))
    with pytest.raises(ValueError, match="9 of one person, 50 of two: too few pairs"):
        fold_accuracies(few)
