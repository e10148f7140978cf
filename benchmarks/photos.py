"""Large photos: decoded no larger than needed, against decoded in full.

    python -m benchmarks.photos PHOTOS.parquet [--rounds 5] [--copies 8]

PHOTOS: a payload of large JPEGs. Each is also made one of 12 megapixels of quality 90, baseline and
progressive. Prints medians of rounds in which both ways take turns: of decoding and making smaller
to what the detector takes; of the whole job, each time in a process of its own; and whether both
ways end with the same outcomes, faces and vectors.
"""

import argparse
import base64
import io
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from benchmarks.machine import machine
from benchmarks.photos_job import WAYS
from schemas.options import MultipleFaces
from schemas.records import Submission
from tests.builders import make_person
from transforms.faces.yunet import YuNet, prepare
from transforms.scales import decoded
from transforms.worker import prepare_process

PIXELS = 12_000_000
QUALITY = 90
_MAX_PIXELS = 50_000_000
# What the detector takes; and more than any side has, so that nothing is reduced.
_LEAST_PX = {"full": _MAX_PIXELS, "reduced": YuNet.longest_side_px}

Photos = Mapping[str, bytes]


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=8, help="of each photo in a job")
    arguments = parser.parse_args()
    prepare_process()
    print(machine())
    sets = photo_sets(arguments.photos)
    together = {id_: photo for photos in sets.values() for id_, photo in photos.items()}
    for name, photos in {**sets, "all together": together}.items():
        for kind, some in by_kind(photos).items():
            title = name if kind in name else f"{name}, {kind}"
            print_decoding(f"{title} ({len(some)})", some, arguments.rounds)
    with TemporaryDirectory() as folder:
        for name, photos in sets.items():
            payload = write_payload(Path(folder, "some.parquet"), photos, arguments.copies)
            print_job(name, payload, arguments.rounds)
        payload = write_payload(Path(folder, "all.parquet"), together, arguments.copies // 4 or 1)
        print_job("all together", payload, arguments.rounds)
        for policy in MultipleFaces:
            print_sameness(payload, policy)


def photo_sets(path: Path) -> dict[str, Photos]:
    """Gives the photos as they are, and made into ones of 12 megapixels, under new ids."""
    rows = pq.read_table(path, columns=["person_id", "face_base_64"]).to_pylist()
    originals = {each["person_id"]: base64.b64decode(each["face_base_64"]) for each in rows}
    large = {
        f"12 MP {kind}": {
            f"{id_}-{kind}": resized(photo, progressive=kind == "progressive")
            for id_, photo in originals.items()
        }
        for kind in ("baseline", "progressive")
    }
    return {"as they are": originals, **large}


def resized(photo: bytes, *, progressive: bool) -> bytes:
    """Gives the photo as a JPEG of 12 megapixels, its sides in their ratio."""
    with Image.open(io.BytesIO(photo)) as image:
        times = (PIXELS / (image.width * image.height)) ** 0.5
        size = (round(image.width * times), round(image.height * times))
        large = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    large.save(file, "JPEG", quality=QUALITY, progressive=progressive)
    return file.getvalue()


def by_kind(photos: Photos) -> dict[str, list[bytes]]:
    """Gives the photos by the kind of JPEG."""
    kinds: dict[str, list[bytes]] = {}
    for photo in photos.values():
        with Image.open(io.BytesIO(photo)) as image:
            kind = "progressive" if image.info.get("progressive") else "baseline"
        kinds.setdefault(kind, []).append(photo)
    return kinds


def print_decoding(title: str, photos: Sequence[bytes], rounds: int) -> None:
    """Prints CPU time a photo of decoding and making smaller, and what the pixels weigh."""
    taken = [[[decoding(photo, way) for way in WAYS] for photo in photos] for _ in range(rounds)]
    for (ms, mb), what in zip(
        np.median(taken, axis=0).mean(axis=0).T, ("decode, CPU ms", "pixels, MB"), strict=True
    ):
        print_line(title, what, ms, mb)


def decoding(photo: bytes, way: str) -> tuple[float, float]:
    """Gives the milliseconds that one photo takes, and the megabytes of its pixels."""
    began = time.process_time()
    picture = decoded(Submission(make_person(), photo), _MAX_PIXELS, _LEAST_PX[way])
    prepare(picture.pixels)
    return (time.process_time() - began) * 1e3, picture.pixels.nbytes / 1e6


def write_payload(path: Path, photos: Photos, copies: int) -> Path:
    """Writes each photo so many times, under new ids."""
    rows = [
        {"person_id": f"{id_}-{n}", "person_name": id_, "face": photo}
        for n, (id_, photo) in product(range(copies), photos.items())
    ]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=8)
    return path


def print_job(title: str, payload: Path, rounds: int) -> None:
    """Prints rate, CPU time and memory of the job, and the time in its stages."""
    ended = [[job(payload, way, MultipleFaces.LARGEST) for way in WAYS] for _ in range(rounds)]
    for what in ended[0][0]:
        if what != "ends":
            print_line(title, what, *(median(each[way][what] for each in ended) for way in (0, 1)))


def print_sameness(payload: Path, policy: MultipleFaces) -> None:
    """Prints in how many photos both ways differ, and how much where they do not."""
    full, reduced = (job(payload, way, policy)["ends"] for way in WAYS)
    differing = [id_ for id_ in full if outcome(full[id_]) != outcome(reduced[id_])]
    pairs = [(full[id_]["face"], reduced[id_]["face"]) for id_ in full if full[id_]["face"]]
    overlaps = [overlap(*(face["box"] for face in pair)) for pair in pairs if all(pair)]
    cosines = [np.dot(*(face["vector"] for face in pair)) for pair in pairs if all(pair)]
    print(
        f"--multiple-faces {policy:<8} {len(full)} photos, {len(differing)} with another outcome; "
        f"of {len(pairs)} faces the least overlap is {min(overlaps):.3f}, "
        f"the least cosine {min(cosines):.4f}, the median {median(cosines):.4f}",
        flush=True,
    )


def job(payload: Path, way: str, policy: MultipleFaces) -> dict[str, Any]:
    """Gives what a job in a process of its own took, and its ends."""
    command = [sys.executable, "-m", "benchmarks.photos_job", str(payload), way, policy]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def outcome(end: Mapping[str, Any]) -> tuple[str, str | None]:
    """Gives code and detail."""
    return end["code"], end["detail"]


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Gives the area that two boxes share over the area that they cover."""
    sides = [max(0.0, min(one[i + 2], other[i + 2]) - max(one[i], other[i])) for i in (0, 1)]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    shared = sides[0] * sides[1]
    return shared / (sum(areas) - shared)


def print_line(title: str, what: str, full: float, reduced: float) -> None:
    """Prints both ways, and how many times better the second is."""
    better, worse = (reduced, full) if what.endswith("/s") else (full, reduced)
    ratio = f"x {better / worse:.2f}" if worse else "-"  # a stage may take less than is counted
    print(f"{title:<34}{what:<16}full {full:>7.1f}   reduced {reduced:>7.1f}   {ratio}", flush=True)


if __name__ == "__main__":
    main()
