"""How hard a property is tried: FUZZ_FACTOR times as much in `make fuzz` as in `make test`."""

import os

from hypothesis import settings


def effort(examples: int) -> settings:
    """Gives the settings of a property; examples: how many `make test` can afford."""
    return settings(max_examples=examples * int(os.environ.get("FUZZ_FACTOR", "1")))
