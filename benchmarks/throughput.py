"""The whole job against a bare loop over the same photos: what Muster adds to the models.

    python -m benchmarks.throughput [PHOTOS.parquet] [--photos 2000] [--rounds 3]

PHOTOS: a payload of real photos (`face_base_64`), repeated under new ids; by default one of 14 KB
that a package ships. The job reads, checks,
looks up, decodes, detects, embeds, upserts into an embedded store and writes records, with one
worker a core; the bare loop (bare_loop.py) has one process a core and stops at the vector. Both are
timed with their models loaded, from the first row read to the last record or vector, and the job in
planning, comparing ids and counting records as well (loaded.py). All run in
turn, each for a third of a second (in_turns.py). Medians over rounds; ratios are of runs of the
same round. The time of each stage is of one run more.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.bare_loop import bare_loop
from benchmarks.fresh_store import fresh_store
from benchmarks.in_turns import Turn, in_turns
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
        print(f"\n{arguments.photos:,} photos, medians; ms a photo, of all cores together")
        measured = _measured(folder, arguments.photos, arguments.rounds)
        _print(measured, _stages(folder, arguments.photos))


Key = tuple[str, str, str, str]  # what, form, engine, precision


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one run, in ms a photo: by the clock, and of all cores."""

    clock: float
    cpu: float


def _turns() -> Iterator[Sequence[Key]]:
    """Gives what is to be compared: it runs together."""
    yield [
        (BARE, GROUPS, "auto", "float32"),
        *((JOB, form, "auto", "float32") for form in FORMS),
        (BARE, GROUPS, "onnxruntime", "float32"),
    ]
    if has_bfloat16():
        yield [(what, GROUPS, "auto", "bfloat16") for what in (BARE, JOB)]


def _measured(folder: str, photos: int, rounds: int) -> Mapping[Key, list[Figures]]:
    measured = defaultdict(list)
    for _ in range(rounds):
        for keys in _turns():
            for key, (turn, spent) in zip(keys, _run(folder, keys), strict=True):
                seconds = turn.seconds(spent.spans)
                figures = Figures(seconds / photos * 1000, spent.cpu_seconds / photos * 1000)
                measured[key].append(figures)
    return measured


def _stages(folder: str, photos: int) -> Mapping[Key, str]:
    """Gives what each stage takes, in ms a photo, of a run that has the machine to itself."""
    found = {}
    for key in (each for keys in _turns() for each in keys):
        [(_, spent)] = _run(folder, [key])
        stages = {name: each / photos * 1000 for name, each in spent.stages.items()}
        found[key] = ", ".join(f"{name} {each:.2f}" for name, each in stages.items())
    return found


def _run(folder: str, keys: Sequence[Key]) -> Iterator[tuple[Turn, Spent]]:
    program = [sys.executable, "-m", "benchmarks.throughput"]
    commands = [
        [*program, f"{folder}/{form}", "--child", what, *inference]
        for what, form, *inference in keys
    ]
    for turn, printed in in_turns(commands):
        yield turn, Spent(**json.loads(printed.splitlines()[-1]))


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


def _print(measured: Mapping[Key, list[Figures]], stages: Mapping[Key, str]) -> None:
    print(f"{'':<58}{'photos/s':>9}{'CPU ms':>8}   by stage")
    for key, runs in measured.items():
        what, form, engine, precision = key
        name = f"{what}, {FORMS[form]}, {engine}, {precision}"
        rate, cpu = median(1000 / each.clock for each in runs), median(each.cpu for each in runs)
        print(f"{name:<58}{rate:>9.1f}{cpu:>8.2f}   {stages[key]}")
    print()

    def ratio(one: Key, other: Key) -> float:
        pairs = zip(measured[one], measured[other], strict=True)
        return median(theirs.clock / ours.clock for ours, theirs in pairs)

    job, bare = (JOB, GROUPS, "auto", "float32"), (BARE, GROUPS, "auto", "float32")
    slow = (BARE, GROUPS, "onnxruntime", "float32")
    for form, name in FORMS.items():
        label = "whole job" if form == GROUPS else name
        found = ratio((JOB, form, "auto", "float32"), bare)
        print(f"{label} / bare loop, float32: {found:.2f}")
    print(f"whole job / ONNX Runtime's bare loop: {ratio(job, slow):.2f}")
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
