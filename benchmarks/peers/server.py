"""The server that the sinks write to: the tests' own, which is Qdrant's engine behind REST."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.job import COLLECTION, DIMENSION, VECTOR


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Gives the URL of a fresh server, a process of its own for the block."""
    folder.mkdir()
    command = [sys.executable, "-m", "tests.qdrant_server", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def create_collection(url: str) -> None:
    """Makes the peers' collection."""
    config = {"vectors": {VECTOR: {"size": DIMENSION, "distance": "Cosine"}}}
    request = urllib.request.Request(
        f"{url}/collections/{COLLECTION}",
        data=json.dumps(config).encode(),
        headers={"Content-Type": "application/json"},
        method="PUT",
    )
    urllib.request.urlopen(request).close()
