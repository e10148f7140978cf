"""Vectors are float32 and of length 1, whatever a graph gives."""

from types import SimpleNamespace

import numpy as np
import pytest

from schemas.records import AlignedFace, Face
from tests.builders import make_person
from transforms.embed_faces import _EmbedFn


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_vector_is_float32_and_of_length_1(dtype):
    given = [np.array([300.0, 400.0], dtype), np.array([0.0, 2.0], dtype)]  # 300² is no float16
    recogniser = SimpleNamespace(embed=lambda _: given)
    stage = _EmbedFn(SimpleNamespace(model=SimpleNamespace(recogniser=recogniser)))
    face = Face((0.0, 0.0, 1.0, 1.0), np.zeros((5, 2), np.float32), 0.9)
    crop = np.zeros((2, 2, 3), np.uint8)
    faces = [AlignedFace(make_person(), face, crop, b"") for _ in given]
    vectors = [each.vector for each in stage.advance(faces)]
    assert [each.dtype for each in vectors] == [np.float32, np.float32]
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0.0, 1.0]], rtol=1e-6)
