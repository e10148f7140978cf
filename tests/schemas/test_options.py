import pytest

from schemas.options import FaceStorageType, MultipleFaces, Rules

DEFAULT_DIGEST = "b5dd5610d13b531520c7eafde3750538130cf9a41fc3a4583771506ce33d3a8f"


def test_words_are_those_of_the_command_line():
    assert list(FaceStorageType) == ["NoStorage", "StoreThumbnails", "StoreFullImage"]
    assert list(MultipleFaces) == ["reject", "largest", "center"]


def test_defaults_are_those_of_the_contract():
    assert Rules() == Rules(MultipleFaces.REJECT, 20_000_000, 50_000_000)


def test_the_digest_is_stable():
    # A new one makes every stored person be looked at again: change it only with that in mind.
    assert Rules().digest == DEFAULT_DIGEST
    assert Rules(MultipleFaces.REJECT).digest == DEFAULT_DIGEST


@pytest.mark.parametrize(
    "rules",
    [
        Rules(multiple_faces=MultipleFaces.LARGEST),
        Rules(multiple_faces=MultipleFaces.CENTER),
        Rules(max_image_bytes=20_000_001),
        Rules(max_image_pixels=50_000_001),
        Rules(max_image_bytes=50_000_000, max_image_pixels=20_000_000),
    ],
    ids=repr,
)
def test_every_rule_changes_the_digest(rules):
    assert rules.digest != DEFAULT_DIGEST
    assert len(rules.digest) == 64
