"""The whole job against a bare loop over the same photos: what Muster adds to the models.

    python -m benchmarks.throughput [PHOTOS.parquet] [--photos 2000] [--rounds 3]

PHOTOS: a payload of real photos (`face_base_64`), repeated under new ids; by default one of 14 KB
that a package ships. The job reads, checks,
looks up, decodes, detects, embeds, upserts into an embedded store and writes records, with one
worker a core; the bare loop (bare_loop.py) has one process a core and stops at the vector. Both are
timed with their models loaded, from the first row read to the last record or vector. Medians over
rounds in which all take turns. A ratio is of two runs that followed each other, in the other order
every second round, for the machine changes within minutes.
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.bare_loop import bare_loop
from benchmarks.fresh_store import fresh_store
from benchmarks.loaded import Spent, loaded, timed_run
from benchmarks.machine import machine
from benchmarks.payloads import people, photos_of, write_payload
from pipelines.config import EnrollConfig
from schemas.options import EngineName, FaceStorageType, Inference, MultipleFaces, Precision, Rules
from transforms.faces.opencv_zoo import OpenCvZoo
from transforms.faces.openvino_engine import has_bfloat16
from transforms.worker import cores

COLLECTION = "photos"
BARE, JOB = "bare loop", "whole job"
GROUPS, ONE_GROUP, GZIP = "groups.parquet", "one.parquet", "lines.jsonl.gz"
FORMS = {
    GROUPS: "Parquet, row groups of 128",
    ONE_GROUP: "Parquet, one row group",
    GZIP: "JSONL, gzip",
}


def main() -> None:
    """Prints the table and the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("payload", metavar="PHOTOS.parquet", nargs="?", type=Path)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "ENGINE", "PRECISION"))
    arguments = parser.parse_args()
    if arguments.child:
        what, engine, precision = arguments.child
        inference = Inference(EngineName(engine), Precision(precision))
        spent = _spent(what, str(arguments.payload), inference)
        print(json.dumps(asdict(spent)))
        return
    print(machine())
    with TemporaryDirectory() as folder:
        photos = photos_of(arguments.payload)
        for form in FORMS:
            group = arguments.photos if form == ONE_GROUP else 128
            write_payload(Path(folder, form), people(arguments.photos, photos), group)
        _print(_measured(folder, arguments.rounds), arguments.photos)


# What, the form (of a bare loop, that of the job beside it), the engine, the precision.
Key = tuple[str, str, str, str]


def _turns() -> Iterator[tuple[Key, ...]]:
    """Gives what a round consists of: runs to be compared stand together."""
    for form in FORMS:
        yield (BARE, form, "auto", "float32"), (JOB, form, "auto", "float32")
    yield ((BARE, GROUPS, "onnxruntime", "float32"),)
    if has_bfloat16():
        yield (BARE, GROUPS, "auto", "bfloat16"), (JOB, GROUPS, "auto", "bfloat16")


def _measured(folder: str, rounds: int) -> Mapping[Key, list[Spent]]:
    measured = defaultdict(list)
    for number in range(rounds):
        for turn in _turns():
            for key in turn if number % 2 == 0 else turn[::-1]:
                what, form, engine, precision = key
                payload = f"{folder}/{GROUPS if what == BARE else form}"
                command = [sys.executable, "-m", "benchmarks.throughput", payload]
                done = subprocess.run(
                    [*command, "--child", what, engine, precision],
                    check=True, stdout=subprocess.PIPE, text=True,
                )  # fmt: skip
                measured[key].append(Spent(**json.loads(done.stdout.splitlines()[-1])))
    return measured


def _spent(what: str, payload: str, inference: Inference) -> Spent:
    return (bare_loop if what == BARE else _whole_job)(payload, inference)


def _whole_job(payload: str, inference: Inference) -> Spent:
    pack = loaded(OpenCvZoo(inference=inference), cores())
    with TemporaryDirectory() as folder:
        spec = fresh_store(f"{folder}/store", COLLECTION, pack.stamp)
        config = EnrollConfig(
            inputs=(payload,),
            run_dir=f"{folder}/run",
            collection=COLLECTION,
            face_storage_type=FaceStorageType.NO_STORAGE,
            rules=Rules(MultipleFaces.CENTER),  # so that it embeds as many faces as the loop
        )
        report, spent = timed_run(config, pack, spec)
    assert report.account.enrolled == report.account.rows_read, report.account
    return spent


def _print(measured: Mapping[Key, list[Spent]], photos: int) -> None:
    print(f"\n{photos:,} photos, medians; ms a photo, of all cores together")
    print(f"{'':<58}{'photos/s':>9}{'CPU ms':>8}   by stage")
    for (what, form, engine, precision), runs in measured.items():
        rate = median(photos / each.seconds for each in runs)
        cpu = median(each.cpu_seconds for each in runs) / photos * 1000
        stages = ", ".join(
            f"{name} {median(each.stages[name] for each in runs) / photos * 1000:.2f}"
            for name in runs[0].stages
        )
        name = ", ".join([what, *([FORMS[form]] if what == JOB else []), engine, precision])
        print(f"{name:<58}{rate:>9.1f}{cpu:>8.2f}   {stages}")
    print()

    def ratio(one: Key, other: Key) -> float:
        pairs = zip(measured[one], measured[other], strict=True)
        return median(theirs.seconds / ours.seconds for ours, theirs in pairs)

    for form, name in FORMS.items():
        label = "whole job" if form == GROUPS else name
        found = ratio((JOB, form, "auto", "float32"), (BARE, form, "auto", "float32"))
        print(f"{label} / bare loop, float32: {found:.2f}")
    slow = (BARE, GROUPS, "onnxruntime", "float32")
    found = ratio((JOB, GROUPS, "auto", "float32"), slow)
    print(f"whole job / ONNX Runtime's bare loop: {found:.2f}")
    fast = (JOB, GROUPS, "auto", "bfloat16")
    if fast not in measured:
        print("bfloat16: this processor has none")
        return
    found = ratio(fast, (BARE, GROUPS, "auto", "bfloat16"))
    print(
        f"whole job / bare loop, bfloat16: {found:.2f}\n"
        f"whole job in bfloat16 / ONNX Runtime's bare loop: {ratio(fast, slow):.2f}"
    )


if __name__ == "__main__":
    main()
