"""Calibrates a pack, so that its cosines can be told as similarities: from photos of many persons.

    python benchmarks/calibrate.py PHOTOS [--pack P]

PHOTOS: as for lfw.py; all pairs of those that were enrolled are used. Prints the calibration as
JSON. That of an InsightFace pack goes into the pack's folder, as `calibration.json`; that of
opencv-zoo stands in `transforms/faces/opencv_zoo.py`.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

if not __package__:  # started as a file: its own folder stands where the project's should
    sys.path[0] = str(Path(__file__).parents[1])

from benchmarks.lfw_photos import enroll
from benchmarks.verification import all_pairs, at_false_accept_rate
from schemas.errors import UsageError
from schemas.options import DEFAULT_PACK
from transforms.faces.calibration import FALSE_ACCEPT_RATES, SIMILARITIES, Calibration
from transforms.faces.catalogue import find_pack


def main() -> None:
    """Prints a table on stderr, and the calibration on stdout."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--pack", default=DEFAULT_PACK)
    arguments = parser.parse_args()
    pack = find_pack(arguments.pack)

    photos = enroll(arguments.photos, arguments.pack)
    there = photos.have_vectors
    every = all_pairs(np.array(photos.persons)[there].tolist(), photos.vectors[there])
    print(f"pack {pack.stamp.pack}: {photos}; pairs: {every}", file=sys.stderr)
    cosines = []
    for rate, similarity in zip(FALSE_ACCEPT_RATES, SIMILARITIES, strict=True):
        at = at_false_accept_rate(every, rate)
        if at is None:
            sys.exit(f"FAR {rate:g} needs {1 / rate:,.0f} pairs of two persons; more photos do")
        behind = int(rate * every.impostor.size)
        print(
            f"FAR {rate:g} = similarity {similarity}: cosine {at[0]:.4f}, {behind:,} pairs of two "
            f"persons above it, {at[1]:.2%} of the pairs of one",
            file=sys.stderr,
        )
        cosines.append(round(at[0], 4))
    Calibration(tuple(cosines))  # raises where they do not rise
    print(json.dumps({"pack": pack.stamp.pack, "cosines": cosines}))


if __name__ == "__main__":
    try:
        main()
    except (OSError, UsageError, ValueError) as error:
        sys.exit(str(error))
