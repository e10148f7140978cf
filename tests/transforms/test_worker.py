"""Memory goes back to the system while models load, and is kept for pixels afterwards."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
from pathlib import Path
import numpy as np
from transforms.worker import memory_returned

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

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
