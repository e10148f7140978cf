"""Peak memory on inputs that are larger than memory should ever be, under a limit on it.

    python -m benchmarks.large_inputs [--gigabytes 5]       needs as much room for temporary files

Each form is enrolled by a process of its own that may hold 1 GiB of data (`ulimit -d 1048576`),
with the null pack and the null store: what is left is the pipeline. Prints rows, time and peak.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.memory import enroll_peak
from benchmarks.payloads import people, small_photo, write_payload

LIMIT_BYTES = 1 << 30
IMAGE_BYTES = 60_000
GROUP_ROWS = 6_400  # 512 MB
FORMS = ("people.parquet", "people.jsonl", "people.jsonl.gz", "body.json")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=5.0)
    parser.add_argument("--child", nargs=2, metavar=("PATH", "RUN"))
    arguments = parser.parse_args()
    if arguments.child:
        resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_BYTES, LIMIT_BYTES))
        print(enroll_peak(arguments.child[0], "null", "null", arguments.child[1]))
        return
    rows = int(arguments.gigabytes * 1e9 / (IMAGE_BYTES * 4 / 3))
    print(f"{rows:,} rows{'':<12}{'GB':>6}{'s':>8}{'peak MB':>9}")
    for form in FORMS:
        with TemporaryDirectory() as folder:
            path = Path(folder, form)
            photo = small_photo()
            persons = people(rows, [photo], IMAGE_BYTES - len(photo))
            plain = {"use_dictionary": False, "compression": "none"}
            write_payload(path, persons, GROUP_ROWS, **plain)
            began = time.perf_counter()
            command = ["-m", "benchmarks.large_inputs", "--child", str(path), f"{folder}/run"]
            done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
            seconds = time.perf_counter() - began
            if done.returncode:
                sys.exit(f"{form}: {done.stderr[-2000:]}")
            peak, size = float(done.stdout.split()[-1]), path.stat().st_size / 1e9
            print(f"{form:<20}{size:>6.2f}{seconds:>8.0f}{peak:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
