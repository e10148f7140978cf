"""Engines and precisions through the real command."""

from pathlib import Path

import numpy as np
import pytest

from tests.command import Muster
from tests.payloads import people, write_lines
from transforms.faces.openvino_engine import has_bfloat16

needs_bfloat16 = pytest.mark.skipif(not has_bfloat16(), reason="no bfloat16 arithmetic here")


@needs_bfloat16
def test_another_precision_embeds_again(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    payload = write_lines(tmp_path / "in.jsonl", persons := people(3))
    vectors = {}
    for precision, action in (
        ("float32", "enrolled"), ("bfloat16", "updated"), ("bfloat16", "unchanged"),
    ):  # fmt: skip
        run = f"{precision}-{action}"
        ended = muster.enroll(run, payload, "--precision", precision)
        assert (ended.code, ended.json[action]) == (0, len(persons)), ended.stderr
        assert muster.report(run)["status"] == "finished"
        stored = muster.stored(*[each["person_id"] for each in persons])
        assert {each.payload["pack"]["precision"] for each in stored.values()} == {precision}
        vectors[precision] = stored
    for person, exact in vectors["float32"].items():
        near = vectors["bfloat16"][person].vector
        assert 0.98 < float(np.dot(exact.vector, near)) < 1.0
        assert not np.array_equal(exact.vector, near)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_each_engine_enrolls_to_the_same_vectors(
    muster: Muster, tmp_path: Path, engine: str
) -> None:
    muster.create()
    payload = write_lines(tmp_path / "in.jsonl", persons := people(3))
    ids = [each["person_id"] for each in persons]
    assert muster.enroll("auto", payload).json["enrolled"] == 3
    first = muster.stored(*ids)
    muster.store = str(tmp_path / "other")
    muster.create()
    ended = muster.enroll("again", payload, "--engine", engine)
    assert ended.json["enrolled"] == 3, ended.stderr
    for person, point in muster.stored(*ids).items():
        assert float(np.dot(point.vector, first[person].vector)) > 0.99999
        assert point.payload["pack"] == first[person].payload["pack"]


def test_what_cannot_be_had_is_told_before_anything_is_written(
    muster: Muster, tmp_path: Path
) -> None:
    muster.create()
    payload = write_lines(tmp_path / "in.jsonl", people(1))
    options = ("--engine", "onnxruntime", "--precision", "bfloat16")
    ended = muster.enroll("run", payload, *options)
    assert (ended.code, ended.stdout) == (2, "")
    assert "--precision bfloat16: --engine onnxruntime has none" in ended.stderr
    assert not (muster.folder / "run").exists()
