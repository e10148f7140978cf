"""Runs the properties of this folder again and again, with other inputs each time.

As a program: python -m tests.fuzz [SECONDS]

A round is one run of pytest, in a process of its own, so that a crash of native code is a finding
like any other. It is named by its seed, with which it can be replayed; what failed stands in
build/fuzz, and in hypothesis' own database of examples, which every later run tries first.
"""

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

FINDINGS = Path("build/fuzz")
FACTOR = 4  # times the examples of `make test`: a round of a minute or two


def fuzz(seconds: float) -> int:
    """Begins no round after so many seconds; gives how many failed."""
    FINDINGS.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    rounds = failed = 0
    while rounds == 0 or time.monotonic() - began < seconds:
        seed = secrets.randbelow(2**32)
        command = [sys.executable, "-m", "pytest", "tests/fuzz", f"--hypothesis-seed={seed}"]
        ended = subprocess.run(
            [*command, "--timeout=1200", "-p", "no:cacheprovider"],
            env=os.environ | {"FUZZ_FACTOR": str(FACTOR), "PYTHONFAULTHANDLER": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        rounds += 1
        print(f"round {rounds}, seed {seed}, {time.monotonic() - began:.0f} s: ", end="")
        if ended.returncode == 0:
            print("nothing found", flush=True)
            continue
        failed += 1
        report = FINDINGS / f"{seed}.txt"
        report.write_bytes(ended.stdout)
        replay = f"FUZZ_FACTOR={FACTOR} {' '.join(command)}"
        print(f"FAILED ({ended.returncode}), see {report}; again with: {replay}", flush=True)
    print(f"{rounds - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(1 if fuzz(float(sys.argv[1]) if len(sys.argv) > 1 else 60) else 0)
