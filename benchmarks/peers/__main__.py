"""Muster against its peers, over the same photos with the same models, in turn.

    python -m benchmarks.peers PAYLOAD.parquet [--scrfd PATH] [--rounds 3] [--photos 2000]

PAYLOAD.parquet: rows with person_name and face_base_64, used again under new ids up to N photos.
Each peer is one small script beside this file and has an environment of its own in build/peers
(made at first, from requirements-NAME.txt). All cores are used, by as many workers of one thread.
Prints the median rate of each, and how many times as fast Muster is.
"""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.machine import machine, versions
from benchmarks.peers.contestants import (
    INSIGHTFACE,
    MUSTER,
    PEERS,
    ROOT,
    RunFailedError,
    entries,
    run,
)
from benchmarks.peers.environments import NotToBeHadError, interpreter, pinned
from benchmarks.peers.job import OPENVINO
from benchmarks.peers.payload import write_payload
from benchmarks.peers.table import ratio_lines, table_lines
from transforms.faces.opencv_zoo import OpenCvZoo

BUILD = ROOT / "build" / "peers"
OWN = ("apache-beam", "onnxruntime", "openvino", "qdrant-edge-py")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("payload", type=Path)
    parser.add_argument("--scrfd", type=Path, help="a detector for InsightFace's pack")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=2_000)
    parser.add_argument("--only", choices=PEERS, help="this peer alone, beside Muster")
    asked = parser.parse_args()
    scrfd = asked.scrfd and asked.scrfd.absolute()

    BUILD.mkdir(parents=True, exist_ok=True)
    print(f"{machine()}\n{MUSTER}: {versions(OWN)}")
    pythons = _pythons([asked.only] if asked.only else list(PEERS), scrfd)
    runs = entries(list(pythons))
    pythons[MUSTER] = Path(sys.executable)
    if find_spec(OPENVINO) is None:
        print(f"{MUSTER}, {OPENVINO}: skipped, it is not in Muster's environment")
        runs = [each for each in runs if (each.name, each.engine) != (MUSTER, OPENVINO)]
    payload, models = BUILD / "payload.parquet", BUILD / "models"
    write_payload(asked.payload, payload, asked.photos)
    _export(models)

    outcomes, failures = [], 0
    for number in range(asked.rounds):
        for each in runs:
            began = f"round {number + 1}: {each}, {each.store}:"
            try:
                outcomes.append(run(each, pythons[each.name], payload, models, scrfd))
                told = f"{outcomes[-1].rate:.1f} photos/s"
            except RunFailedError as error:
                failures, told = failures + 1, f"failed\n{error}"
            print(began, told, file=sys.stderr, flush=True)
    order = sorted(outcomes, key=lambda outcome: runs.index(outcome.entry))
    print(*table_lines(order), *ratio_lines(order, MUSTER), sep="\n")
    sys.exit(1 if failures else 0)


def _pythons(names: list[str], scrfd: Path | None) -> dict[str, Path]:
    """Gives the interpreters of the peers that can run, and says why others cannot."""
    found = {}
    for name in names:
        if name == INSIGHTFACE and scrfd is None:
            print(f"{name}: skipped, --scrfd names no detector")
            continue
        try:
            found[name] = interpreter(name, BUILD)
            print(f"{name}: {pinned(name, *PEERS[name])}")
        except NotToBeHadError:
            print(f"{name}: not to be had, its packages cannot be installed here")
    return found


def _export(folder: Path) -> None:
    """Writes the default pack's graphs as the peers load them."""
    detector, recogniser = OpenCvZoo().graphs()
    folder.mkdir(exist_ok=True)
    (folder / "yunet.onnx").write_bytes(detector)
    (folder / "sface.onnx").write_bytes(recogniser)


if __name__ == "__main__":
    main()
