"""The scripts as a user starts them, on photos laid out as LFW is."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from tests.payloads import portraits

ROOT = Path(__file__).parents[2]
PERSONS = len(portraits())


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos of each of eight persons: as it is, mirrored, and darker; and one of nobody."""
    folder = tmp_path_factory.mktemp("lfw")
    for n, encoded in enumerate(portraits()):
        name = f"Person_{chr(ord('A') + n)}"
        (folder / name).mkdir()
        with Image.open(io.BytesIO(encoded)) as opened:
            image = opened.convert("RGB")
        darker = ImageEnhance.Brightness(image).enhance(0.7)
        for number, each in enumerate((image, ImageOps.mirror(image), darker), 1):
            each.save(folder / name / f"{name}_{number:04}.jpg", quality=95)
    (folder / "Nobody").mkdir()
    Image.new("RGB", (200, 200)).save(folder / "Nobody" / "Nobody_0001.png")
    return folder


def started(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, cwd=ROOT
    )


def test_accuracy_of_a_folder_with_pairs(photos: Path, tmp_path: Path) -> None:
    names = [f"Person_{chr(ord('A') + n)}" for n in range(PERSONS)]
    same = [f"{name}\t{n}\t{m}" for name in names for n, m in ((1, 2), (1, 3), (2, 3))]
    apart = [f"{one}\t1\t{other}\t2" for one in names for other in names if one != other]
    apart.append("Nobody\t1\tPerson_A\t1")
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("\n".join(["10\t300", *same, *apart]) + "\n")

    done = started("benchmarks/lfw.py", photos, pairs)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == [
        "pack opencv-zoo, float32: 24 of 25 photos enrolled, 9 persons",
        "pairs: 24 of one person, 57 of two",
    ]
    assert re.fullmatch(r"accuracy in 10 folds: 1\.0000 \+- 0\.0000 \(cosine 0\.\d{4}\)", lines[2])
    assert lines[3] == "all pairs: 24 of one person, 276 of two"
    found = r"TAR at FAR 0\.01: 1\.0000 \(cosine 0\.\d{4}, similarity 0\.\d{4}\)"
    assert re.fullmatch(found, lines[4])
    assert lines[5:] == ["TAR at FAR 0.001: too few pairs", "TAR at FAR 0.0001: too few pairs"]


def test_a_calibration_needs_many_pairs(photos: Path) -> None:
    done = started("-m", "benchmarks.calibrate", photos)
    assert (done.returncode, done.stdout) == (1, "")
    assert "252 of two" in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "FAR 0.001 needs 1,000 pairs of two persons; more photos do"
    )


def test_a_pack_that_is_not_there_is_told(photos: Path) -> None:
    done = started("benchmarks/lfw.py", photos, "--pack", "insightface:no/such")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("pack insightface:no/such: no such folder; ")


def test_the_calibration_of_the_sample(shared_data: Path) -> None:
    done = started("benchmarks/calibrate.py", shared_data / "lfw_sample.parquet")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["pack"] == "opencv-zoo"
    np.testing.assert_allclose(made["cosines"], [0.2908, 0.3612, 0.4148, 0.5083], atol=0.002)
