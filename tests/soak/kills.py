"""Kills the real command with -9 at random moments, and gives the same command again.

python -m tests.soak.kills [--runs N] [--seed S] [--photos N]

Every time the store must hold what it holds after a run that nobody killed, each person once, the
account must close, and no file that is not whole may have a final name. Half of the runs are on the
embedded store, half on the test server. Half of the kills come near the end: right after a write to
the store, whose record is not yet there, or between the first result file and the report.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.command import COLLECTION, started
from tests.soak.after_kills import Aftermath, aftermath, differences, not_whole
from tests.soak.payload import Payload, write_payload
from transforms.faces.opencv_zoo import OpenCvZoo
from transforms.stores.connect import connected, store_spec

AIMS = ("write", "finalising", "any", "any")
PHASES = (
    "before the manifest",
    "before the first write",
    "between a write and its record",
    "finalising",
    "after the report",
)
_SOON_S = 0.1  # after a write, the next is seconds away
_LOOK_EVERY_S = 0.001


@dataclass(frozen=True)
class Bench:
    """One store, and what a run into it that nobody killed takes and leaves.

    files: where the store's collections lie. seconds: until the report; finalising: of these, from
    the first result file on.
    """

    name: str
    store: str
    files: Path
    folder: Path
    payload: Payload
    seconds: float = 0.0
    finalising: float = 0.0
    expected: Aftermath | None = None

    @property
    def run(self) -> Path:
        """The folder of the run that is killed and goes on."""
        return self.folder / "run"

    @property
    def temporary(self) -> Path:
        """What the command has for temporary files."""
        return self.folder / "tmp"

    def command(self) -> list[object]:
        """Gives the arguments, the same before and after the kill."""
        return [
            *("enroll", self.payload.path, "--store", self.store, "--collection", COLLECTION),
            *("--face-storage-type", "StoreThumbnails", "--multiple-faces", "center"),
            *("--keep-rejected", "--run-dir", self.run, "--quiet"),
        ]

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        """Starts the command in a process of its own."""
        with started(*self.command(), TMPDIR=str(self.temporary)) as process:
            yield process

    def cleared(self) -> None:
        """Makes an empty collection, and no run folder."""
        for each in (self.run, self.temporary):
            shutil.rmtree(each, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        with connected(store_spec(self.store)) as handle:
            if handle.find_collection(COLLECTION) is not None:
                handle.delete_collection(COLLECTION)
            handle.create_collection(COLLECTION, OpenCvZoo().stamp)

    def blocks(self) -> int:
        """How much the collection takes on disk, which every write changes."""
        return sum(each.stat().st_blocks for each in (self.files / COLLECTION).rglob("*"))

    def has_results(self) -> bool:
        """True from the first result file on that has its final name."""
        return any(self.run.rglob("results-*"))

    def has_begun(self) -> bool:
        """True from before the first write on."""
        return (self.run / "manifest.json").exists()


def uninterrupted(bench: Bench) -> Bench:
    """Gives the bench with what a run takes and leaves."""
    bench.cleared()
    began = time.monotonic()
    with bench.started() as process:
        _wait(process, bench.has_results)
        first_file = time.monotonic()
        _wait(process, (bench.run / "report.json").exists)
        ended = time.monotonic()
        _, complaint = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{bench.name}: the run that nobody kills failed: {complaint}")
    left = aftermath(bench.run, bench.store, bench.payload)
    return Bench(
        *(bench.name, bench.store, bench.files, bench.folder, bench.payload),
        *(ended - began, ended - first_file, left),
    )


def _wait(process: subprocess.Popen[str], until: Callable[[], bool]) -> None:
    while process.poll() is None and not _looked(until):
        time.sleep(_LOOK_EVERY_S)


def _looked(until: Callable[[], bool]) -> bool:
    try:
        return until()
    except FileNotFoundError:  # it went while we looked
        return False


def _kill(bench: Bench, aim: str, luck: random.Random) -> None:
    """Starts the command and kills it at a random moment of the kind."""
    with bench.started() as process:
        if aim == "any":
            time.sleep(luck.uniform(0.0, bench.seconds))
        elif aim == "write":
            _wait(process, bench.has_begun)
            before = bench.blocks()
            _wait(process, lambda: bench.blocks() != before)
            time.sleep(luck.uniform(0.0, _SOON_S))
        else:
            _wait(process, bench.has_results)
            time.sleep(luck.uniform(0.0, bench.finalising))
        process.kill()
        process.wait()


def _phase(bench: Bench) -> str:
    """Tells from what the kill left when it came; whether a write had been shows later."""
    if not (bench.run / "manifest.json").exists():
        return PHASES[0]
    if (bench.run / "report.json").exists():
        return PHASES[4]
    return PHASES[3] if bench.has_results() else PHASES[1]


def killed_and_mended(bench: Bench, aim: str, luck: random.Random) -> tuple[str, list[str]]:
    """Kills a run, lets the same command finish it, and gives the phase and what is wrong."""
    bench.cleared()
    _kill(bench, aim, luck)
    phase = _phase(bench)
    wrong = not_whole(bench.run)
    with bench.started() as process:
        _, complaint = process.communicate()
    expected_code = 2 if phase == "after the report" else 0  # that one is over
    if process.returncode != expected_code:
        wrong.append(f"the same command exits {process.returncode}: {complaint.strip()}")
    wrong += not_whole(bench.run)
    wrong += [f"left over: {each.name}" for each in bench.temporary.iterdir()]
    if not wrong and bench.expected is not None:
        left = aftermath(bench.run, bench.store, bench.payload)
        wrong += differences(bench.expected, left)
        if phase == PHASES[1] and left.report["account"]["unchanged"]:
            phase = PHASES[2]
    return phase, wrong


def _series(bench: Bench, runs: int, seed: int) -> tuple[Counter[str], int]:
    """Gives how often each phase was hit, and how many runs went wrong."""
    bench, luck = uninterrupted(bench), random.Random(f"{seed} {bench.name}")
    phases, bad = Counter[str](), 0
    for number in range(runs):
        aim = AIMS[number % len(AIMS)]
        phase, wrong = killed_and_mended(bench, aim, luck)
        phases[phase] += 1
        bad += bool(wrong)
        if (number + 1) % 10 == 0:
            print(f"{bench.name}: {number + 1} of {runs}, {bad} wrong", file=sys.stderr, flush=True)
        for each in wrong:
            print(f"WRONG: {bench.name} {number}, killed {phase}: {each}", flush=True)
    return phases, bad


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """Runs the test server as a process of its own; gives its URL."""
    command = [sys.executable, "-m", "tests.qdrant_server", "--folder", str(folder)]
    folder.mkdir()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def soak(runs: int, seed: int, photos: int) -> tuple[Counter[str], int]:
    """Kills `runs` runs, the two stores at the same time; gives phases, and how many were wrong."""
    with TemporaryDirectory() as name, _server(Path(name) / "server") as url:
        folder = Path(name)
        payload = write_payload(folder / "payload.parquet", photos, seed)
        embedded = folder / "store"
        benches = [
            Bench("embedded", str(embedded), embedded, folder / "a", payload),
            Bench("server", url, folder / "server", folder / "b", payload),
        ]
        shares = (runs - runs // 2, runs // 2)
        with ThreadPoolExecutor(len(benches)) as pool:
            series = list(pool.map(_series, benches, shares, (seed, seed)))
    phases = sum((each for each, _ in series), Counter[str]())
    return phases, sum(bad for _, bad in series)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints one line; gives 1 where anything was wrong, or a phase was never hit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--photos", type=int, default=96, help="600 is the whole sample")
    asked = parser.parse_args(arguments)
    os.umask(0o077)
    began = time.monotonic()
    phases, bad = soak(asked.runs, asked.seed, asked.photos)
    hit = ", ".join(f"{phases[each]} {each}" for each in PHASES)
    seconds = time.monotonic() - began
    print(
        f"{phases.total()} runs killed (seed {asked.seed}, {asked.photos} photos): {hit}; "
        f"{bad} wrong; {seconds:.0f} s"
    )
    missed = [each for each in PHASES[:4] if not phases[each]]
    if asked.runs >= len(PHASES) * len(AIMS) and missed:
        print(f"never killed {', '.join(missed)}: no proof")
        return 1
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
