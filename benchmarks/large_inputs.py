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
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.memory import enroll_peak, people, small_photo, write_json

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
            write_large(path, rows)
            began = time.perf_counter()
            command = ["-m", "benchmarks.large_inputs", "--child", str(path), f"{folder}/run"]
            done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
            seconds = time.perf_counter() - began
            if done.returncode:
                sys.exit(f"{form}: {done.stderr[-2000:]}")
            peak, size = float(done.stdout.split()[-1]), path.stat().st_size / 1e9
            print(f"{form:<20}{size:>6.2f}{seconds:>8.0f}{peak:>9.0f}", flush=True)


def write_large(path: Path, rows: int) -> None:
    """Writes so many persons, whose photos end in bytes that cannot be compressed."""
    persons = people(rows, IMAGE_BYTES - len(small_photo()))
    if path.suffix != ".parquet":
        write_json(path, persons)
        return
    names = ("person_id", "person_name", "face_base_64")
    schema = pa.schema({name: pa.string() for name in names})
    with pq.ParquetWriter(path, schema, use_dictionary=False, compression="none") as writer:
        while group := list(islice(persons, GROUP_ROWS)):
            writer.write_table(pa.Table.from_pylist(group, schema))


if __name__ == "__main__":
    main()
