"""The whole hostile corpus in one run of the real command, with good rows around it.

    python -m tests.soak.hostile [PAYLOAD.parquet]

PAYLOAD: good rows, of one face in the middle (as 600 photos of LFW); else portraits that packages
ship. Prints what ended otherwise than it must, the longest time of a row, the peak of memory;
exit 1 where a row took 5 s or the peak is over 1.5 GB. Takes minutes, and a few GB of disk.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

import runner
from tests.builders import write_parquet
from tests.command import COLLECTION, read_records
from tests.corpus.check import wrong
from tests.corpus.make import Ends, write_corpus
from tests.payloads import people
from transforms import guard

_ROW_S, _PEAK_BYTES = 5.0, 1_500_000_000
_LONG_LINE_BYTES, _LONG_FACE_BYTES = 2 << 30, 1 << 30


def main() -> None:
    """Makes the input, runs the command in a process of its own, and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("payload", nargs="?", type=Path)
    parser.add_argument("--child", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _child(arguments.child)
    with TemporaryDirectory() as folder:
        top = Path(folder)
        expected = _input(top, arguments.payload)
        store, run = ["--store", str(top / "store")], top / "run"
        _muster("collections", "create", COLLECTION, *store)
        began = time.monotonic()
        told = _muster(
            "enroll", *expected, *store, "--collection", COLLECTION, "--run-dir", str(run),
            "--face-storage-type", "NoStorage", "--multiple-faces", "center", "--quiet",
        )  # fmt: skip
        took = time.monotonic() - began
        sys.exit(_judge(run, expected, took, float(told.rpartition("longest row: ")[2])))


def _judge(run: Path, expected: Ends, took: float, longest: float) -> int:
    report = json.loads((run / "report.json").read_text())
    others = wrong(read_records(run), expected)
    rows = sum(map(len, expected.values()))
    peak = report["peak_memory_bytes"]
    print(*others, sep="\n")
    print(f"{rows} rows, {len(others)} ended otherwise than they must; {took:.0f} s")
    print(json.dumps(report["account"]))
    print(f"longest row {longest:.2f} s, peak memory {peak / 1e6:.0f} MB")
    whole = report["account"]["rows_read"] == rows and "ERR_INTERNAL_ERROR" not in report["codes"]
    return int(bool(others) or not whole or longest > _ROW_S or peak > _PEAK_BYTES)


def _input(top: Path, payload: Path | None) -> Ends:
    good = str(payload) if payload else write_parquet(top / "good.parquet", people(600))
    number = pq.read_metadata(good).num_rows
    corpus = top / "corpus"
    expected = {good: [("OK", "enrolled")] * number, **write_corpus(corpus, heavy=True)}
    long = top / "long.jsonl"
    with long.open("wb") as file:
        for size in (_LONG_LINE_BYTES, _LONG_FACE_BYTES):
            file.write(b'{"person_id": "long", "person_name": "x", "face_base_64": "')
            for _ in range(size >> 20):
                file.write(b"A" * (1 << 20))
            file.write(b'"}\n')
    expected[str(long)] = [("ERR_UNPROCESSABLE_CONTENT", "too_large")] * 2
    return expected


def _muster(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.soak.hostile", "--child", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode > 1:
        sys.exit(done.stderr[-2_000:])
    return done.stdout


def _child(arguments: list[str]) -> None:
    """Runs the command; prints last how long the slowest row was in one stage."""
    longest = 0.0
    inner = guard.Stage.note

    def note(stage: guard.Stage, began_ns: int) -> None:
        nonlocal longest
        inner(stage, began_ns)
        longest = max(longest, (time.perf_counter_ns() - began_ns) / 1e9)

    guard.Stage.note = note
    try:
        runner.main(arguments)
    finally:
        print(f"longest row: {longest}")


if __name__ == "__main__":
    main()
