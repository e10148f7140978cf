import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from transforms.faces.calibration import (
    FALSE_ACCEPT_RATES,
    SIMILARITIES,
    Calibration,
    read_calibration,
    shown,
)
from transforms.faces.opencv_zoo import OpenCvZoo

PACK = "insightface-0123456789ab"

cosines = st.floats(-1, 1)
calibrations = (
    st.lists(st.integers(-999, 999), min_size=4, max_size=4, unique=True)
    .map(lambda each: Calibration(tuple(n / 1000 for n in sorted(each))))
)  # fmt: skip


@given(calibrations)
def test_it_passes_through_its_points(calibration):
    found = [calibration.similarity(each) for each in (-1.0, *calibration.cosines, 1.0)]
    assert found == pytest.approx([0.0, 0.5, 0.7, 0.8, 0.9, 1.0])
    assert found[-1] == 1.0


@given(calibrations, cosines, cosines)
def test_it_rises_with_the_cosine(calibration, one, other):
    low, high = sorted((one, other))
    assert 0.0 <= calibration.similarity(low) <= calibration.similarity(high) <= 1.0
    if high - low > 1e-6:
        assert calibration.similarity(low) < calibration.similarity(high)


@pytest.mark.parametrize(("cosine", "expected"), [(1.0000001, 1.0), (-1.0000001, 0.0)])
def test_rounding_does_not_lead_beyond_its_ends(cosine, expected):
    assert OpenCvZoo().calibration.similarity(cosine) == expected


@pytest.mark.parametrize(
    "cosines",
    [
        pytest.param((), id="none"),
        pytest.param((0.1, 0.2, 0.3), id="too few"),
        pytest.param((0.1, 0.3, 0.2, 0.4), id="not rising"),
        pytest.param((0.1, 0.2, 0.2, 0.4), id="two alike"),
        pytest.param((0.1, 0.2, 0.3, 1.0), id="up to 1"),
        pytest.param((0.1, 0.2, float("nan"), 0.4), id="no number"),
    ],
)
def test_what_is_no_calibration_is_refused(cosines):
    with pytest.raises(ValueError, match="expected 4 rising cosines between -1 and 1"):
        Calibration(cosines)


def test_that_of_the_default_pack_was_measured():
    """LFW: see docs/accuracy.md."""
    calibration = OpenCvZoo().calibration
    assert dict(zip(FALSE_ACCEPT_RATES, SIMILARITIES, strict=True)) == {
        1e-2: 0.5, 1e-3: 0.7, 1e-4: 0.8, 1e-5: 0.9,
    }  # fmt: skip
    assert calibration.cosines == (0.291, 0.356, 0.413, 0.465)


def test_what_is_told_of_a_comparison():
    assert shown(0.356, OpenCvZoo().calibration) == {"cosine": "0.3560", "similarity": "0.7000"}
    assert shown(0.356, None) == {"cosine": "0.3560"}


def test_a_pack_without_a_file_has_none(tmp_path):
    assert read_calibration(tmp_path / "calibration.json", PACK) is None


def test_a_file_is_read(tmp_path):
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({"pack": PACK, "cosines": [0, 0.25, 0.5, 0.75]}))
    assert read_calibration(path, PACK) == Calibration((0.0, 0.25, 0.5, 0.75))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"\xff", "codec", id="no text"),
        pytest.param(b"{", "Expecting property name", id="no JSON"),
        pytest.param(b"[]", "expected pack and cosines", id="no object"),
        pytest.param(b'{"pack": "insightface-0123456789ab"}', "expected pack and", id="no cosines"),
        pytest.param(b'{"pack": "x", "cosines": []}', f"for pack x, this one is {PACK}", id="else"),
        pytest.param(
            b'{"pack": "insightface-0123456789ab", "cosines": [0, 0.1, null, 0.3]}',
            "expected numbers, not None",
            id="null",
        ),
        pytest.param(
            b'{"pack": "insightface-0123456789ab", "cosines": [0, "0.1", 0.2, 0.3]}',
            "expected numbers, not '0.1'",
            id="text",
        ),
        pytest.param(
            b'{"pack": "insightface-0123456789ab", "cosines": [%s]}' % (b"9" * 400),
            "too large",
            id="huge",
        ),
        pytest.param(
            b'{"pack": "insightface-0123456789ab", "cosines": [0, 0.1, 0.3, 0.2]}',
            "rising",
            id="falling",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path, content, told):
    path = tmp_path / "calibration.json"
    path.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        read_calibration(path, PACK)
    assert told in str(refused.value)
    assert str(refused.value).startswith(f"{path} cannot be used: ")
    assert str(refused.value).endswith("; remove it, or make it anew with benchmarks/calibrate.py")
