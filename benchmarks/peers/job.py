"""What a contestant is given on its command line, and what it says at its end."""

import argparse
import json
import os
import time
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

ONNX_RUNTIME, OPENVINO = "onnxruntime", "openvino"
COLLECTION, VECTOR, DIMENSION = "people", "face", 128
BATCH = 32


@dataclass(frozen=True, slots=True)
class Job:
    """One run. models: the folder of yunet.onnx and sface.onnx. scratch: a fresh folder.

    url: of the server; empty where there is none. scrfd: a detector file, for InsightFace alone.
    """

    payload: str
    engine: str
    models: str
    scratch: str
    url: str
    scrfd: str = ""

    def arguments(self) -> list[str]:
        """Gives the command line of this job."""
        return [part for name, value in asdict(self).items() for part in (f"--{name}", value)]

    @classmethod
    def of_arguments(cls) -> "Job":
        """Reads the command line."""
        parser = argparse.ArgumentParser()
        for field in fields(cls):
            parser.add_argument(f"--{field.name}", default="")
        return cls(**vars(parser.parse_args()))


class Clock:
    """Starts when a worker, its models loaded and warm, takes its first photos.

    Workers may be processes and do not begin together. A file each tells when it began, and the
    mean counts: so many workers did the work in the time from there to the end.
    """

    def __init__(self, folder: str) -> None:
        self._path = Path(folder, f"began-{uuid.uuid4().hex}")
        self._started = False

    def start(self) -> None:
        """Notes the time of the first call."""
        if not self._started:
            self._started = True
            self._path.write_text(repr(time.time()))


def seconds_since_start(folder: str) -> float:
    """Gives the time from the workers' mean start to now."""
    began = [float(each.read_text()) for each in Path(folder).glob("began-*")]
    return time.time() - sum(began) / len(began)


def measured(job: Job, work: Callable[[], int | None]) -> None:
    """Does the work and tells how long it took.

    work: gives the number of vectors, or None where they are in the server's collection.
    """
    vectors = work()
    seconds = seconds_since_start(job.scratch)
    tell(seconds, count(job.url) if vectors is None else vectors)


def tell(seconds: float, stored: int) -> None:
    """Prints the line that the driver reads."""
    print(json.dumps({"seconds": round(seconds, 3), "stored": stored}), flush=True)


def count(url: str) -> int:
    """Gives the number of points in the server's collection."""
    request = urllib.request.Request(
        f"{url}/collections/{COLLECTION}/points/count",
        data=b'{"exact": true}',
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return int(json.load(answer)["result"]["count"])


def cores() -> int:
    """Gives the cores that this process may use: as many workers, of one thread each."""
    return len(os.sched_getaffinity(0))
