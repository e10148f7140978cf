"""Accuracy on Labeled Faces in the Wild, of the vectors that `muster enroll` stores.

    python benchmarks/lfw.py PHOTOS [PAIRS] [--pack P] [--precision bfloat16]

PHOTOS: a folder of LFW's photos, or a payload of them (ids as Jane_Doe_0001). PAIRS: LFW's
pairs.txt, for the accuracy; without it, all pairs that the photos make. A photo that was not
enrolled is like no other. The false accept rates are of all pairs that the photos make.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

if not __package__:  # started as a file: its own folder stands where the project's should
    sys.path[0] = str(Path(__file__).parents[1])

from benchmarks.lfw_photos import enroll
from benchmarks.verification import (
    all_pairs,
    at_false_accept_rate,
    cosines_of,
    fold_accuracies,
    read_pairs,
)
from schemas.errors import UsageError
from schemas.options import DEFAULT_PACK
from transforms.faces.calibration import shown
from transforms.faces.catalogue import find_pack

RATES = (1e-2, 1e-3, 1e-4)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("pairs", type=Path, nargs="?")
    parser.add_argument("--pack", default=DEFAULT_PACK)
    parser.add_argument("--precision", default="float32")
    arguments = parser.parse_args()
    pairs = None if arguments.pairs is None else read_pairs(arguments.pairs)
    pack = find_pack(arguments.pack)

    photos = enroll(arguments.photos, arguments.pack, arguments.precision)
    every = all_pairs(photos.persons, photos.vectors)
    judged = every if pairs is None else cosines_of(pairs, photos.ids, photos.vectors)
    accuracies, threshold = fold_accuracies(judged)
    error = float(np.std(accuracies, ddof=1) / np.sqrt(len(accuracies)))
    print(f"pack {pack.stamp.pack}, {arguments.precision}: {photos}")
    print(f"pairs: {judged}")
    print(f"accuracy in 10 folds: {accuracies.mean():.4f} +- {error:.4f} (cosine {threshold:.4f})")
    print(f"all pairs: {every}")
    for rate in RATES:
        at = at_false_accept_rate(every, rate)
        if at is None:
            print(f"TAR at FAR {rate:g}: too few pairs")
            continue
        told = ", ".join(f"{key} {value}" for key, value in shown(at[0], pack.calibration).items())
        print(f"TAR at FAR {rate:g}: {at[1]:.4f} ({told})")


if __name__ == "__main__":
    try:
        main()
    except (OSError, UsageError, ValueError) as error:
        sys.exit(str(error))
