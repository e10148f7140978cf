"""Who takes part, and one run of one of them in a process of its own environment."""

import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

from benchmarks.peers.job import ONNX_RUNTIME, OPENVINO, Job
from benchmarks.peers.server import create_collection, serving
from benchmarks.peers.table import Entry, Outcome

ROOT = Path(__file__).parents[2]
MUSTER, INSIGHTFACE = "muster", "insightface"
EMBEDDED, SERVER, NOWHERE = "embedded", "server", "none"
# The packages that tell what a peer is.
PEERS = {
    INSIGHTFACE: ("insightface", "onnxruntime"),
    "ray": ("ray", "ray-qdrant", "openvino", "onnxruntime"),
    "daft": ("daft", "daft-qdrant", "openvino", "onnxruntime"),
    "beam": ("apache-beam", "qdrant-client", "openvino", "onnxruntime"),
}
# Their makers are not to be told of a benchmark.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "DAFT_ANALYTICS_ENABLED": "0", "DO_NOT_TRACK": "1"}


class RunFailedError(Exception):
    """A contestant ended without its figures. Holds what it said last."""


def entries(names: Sequence[str]) -> list[Entry]:
    """Gives the runs of a round: Muster's first, into its own store and into the peers' server.

    names: of those that can run; MUSTER need not be among them.
    """
    engines = (OPENVINO, ONNX_RUNTIME)
    stores = (EMBEDDED, SERVER)
    found = [Entry(MUSTER, engine, store) for store in stores for engine in engines]
    for name in names:
        if name == INSIGHTFACE:  # it has no other engine, and no sink
            found.append(Entry(name, ONNX_RUNTIME, NOWHERE))
        else:
            found += [Entry(name, engine, SERVER) for engine in engines]
    return found


def run(entry: Entry, python: Path, payload: Path, models: Path, scrfd: Path | None) -> Outcome:
    """Runs it once. python: that of its environment. Raises RunFailedError."""
    with TemporaryDirectory() as folder:
        scratch = Path(folder, "scratch")
        scratch.mkdir()
        server = serving(Path(folder, "server")) if entry.store == SERVER else nullcontext("")
        with server as url:
            if url and entry.name != MUSTER:  # which makes its own, with its stamp
                create_collection(url)
            given = (str(payload), entry.engine, str(models), str(scratch), url)
            said = _said(entry, python, Job(*given, str(scrfd or "")))
    photos = pq.read_metadata(payload).num_rows
    return Outcome(entry, photos, float(said["seconds"]), int(said["stored"]))


def _said(entry: Entry, python: Path, job: Job) -> dict[str, float]:
    command = [str(python), "-m", f"benchmarks.peers.{entry.name}_loop", *job.arguments()]
    environment = os.environ | _QUIET | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    # Ray's workers may print after it.
    lines = [each for each in done.stdout.splitlines() if each.startswith("{")]
    if done.returncode or not lines:
        raise RunFailedError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(lines[-1])
    return found
