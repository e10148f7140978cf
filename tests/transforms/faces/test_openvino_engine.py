"""The first batches of a process come from several workers at once; weights lie in a file."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from schemas.options import Precision
from tests.onnx_packs import mean_colour_graph
from transforms.faces.base import Share
from transforms.faces.opencv_zoo import OpenCvZoo
from transforms.faces.openvino_engine import OpenVinoEngine

_TRIALS = 6  # without the table made beforehand, two of five were stuck
_PATIENCE_S = 60.0

_FIRST_BATCHES = """
import sys, threading, time
from pathlib import Path
import numpy as np
from schemas.options import Precision
from transforms.faces.base import Share
from transforms.faces.openvino_engine import OpenVinoEngine

graph, batch = Path(sys.argv[1]).read_bytes(), np.ones((1, 3, 8, 8), np.float32)
engine = OpenVinoEngine(graph, Share(calls=4, threads=1), Precision.FLOAT32)
found, together = [], time.perf_counter() + 0.05
def run():
    while time.perf_counter() < together:
        pass
    found.append(engine.run(batch)["vectors"].tolist())
workers = [threading.Thread(target=run) for _ in range(4)]
for each in workers: each.start()
for each in workers: each.join()
print(found)
"""


def test_workers_that_begin_together_do_not_wait_for_ever(tmp_path: Path) -> None:
    graph = tmp_path / "graph.onnx"
    graph.write_bytes(mean_colour_graph(side=8))
    command = [sys.executable, "-c", _FIRST_BATCHES, str(graph)]
    trials = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(_TRIALS)]
    try:
        said = [each.communicate(timeout=_PATIENCE_S)[0] for each in trials]
    except subprocess.TimeoutExpired:
        pytest.fail("stuck in the first batches")
    finally:
        for each in trials:
            each.kill()
    assert said == [f"{[[[1.0, 1.0, 1.0]]] * 4}\n"] * _TRIALS


def weights_in_memory() -> dict[str, int]:
    """Gives the KB that are resident of each file of weights that is mapped, by its address."""
    maps = Path("/proc/self/smaps").read_text()
    found = re.findall(r"^(\S+) .*graph\.bin \(deleted\)$(?:\n.*)*?\nRss: +(\d+) kB", maps, re.M)
    return {address: int(resident) for address, resident in found}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is resident")
def test_weights_stay_in_a_file_without_a_name_and_give_the_same_vectors(tmp_path, monkeypatch):
    graph = OpenCvZoo().graphs()[1]
    others = weights_in_memory()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    engine = OpenVinoEngine(graph, Share(calls=2, threads=1), Precision.FLOAT32)
    assert list(tmp_path.iterdir()) == []
    assert [kb for at, kb in weights_in_memory().items() if at not in others] == [0]

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))  # as where the disk is full
    held = OpenVinoEngine(graph, Share(calls=1, threads=1), Precision.FLOAT32)
    assert len(weights_in_memory().keys() - others.keys()) == 1
    crops = np.random.default_rng(0).uniform(0, 255, (3, 3, 112, 112)).astype(np.float32)
    np.testing.assert_array_equal(engine.run(crops)["fc1"], held.run(crops)["fc1"])
