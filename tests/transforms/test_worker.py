"""What a process does with memory, and what its garbage collector looks through."""

import os
import platform
import subprocess
import sys

import pytest

from transforms import worker

SCRIPT = """
import os
from pathlib import Path
import numpy as np
from transforms.worker import memory_returned

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

def left_mb():
    before = resident_mb()
    block = np.ones(16_000_000, np.uint8)
    del block
    return round(resident_mb() - before)

with memory_returned():
    while_loading = left_mb()
print(while_loading, left_mb())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_large_blocks_are_returned_while_models_load_and_kept_afterwards():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["0", "16"]


RETURNED = """
import os
from pathlib import Path
from transforms.worker import return_memory

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

small = [bytes(1000) for _ in range(100_000)]
above = bytes(1000)  # the end of the heap stays in use
held = resident_mb()
del small
kept = resident_mb()
return_memory()
print(held - kept < 20, kept - resident_mb() > 80)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_what_a_step_took_is_returned_after_it():
    """A footer is of a hundred thousand small blocks."""
    done = subprocess.run(
        [sys.executable, "-c", RETURNED], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "True"]


@pytest.mark.parametrize(
    ("quota", "expected"), [("150000 100000", 2), ("20000 100000", 1), ("max 100000", 8)]
)
def test_a_containers_quota_counts(tmp_path, monkeypatch, quota, expected):
    monkeypatch.setattr(worker, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert worker.cores() == expected


def test_garbage_is_not_sought_among_what_is_imported():
    script = """
import gc
from transforms.worker import prepare_process
prepare_process()
print(len(gc.get_objects()) < gc.get_freeze_count() // 10)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["True"]
