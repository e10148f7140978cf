"""How hard a property is tried, and what trying an input gives."""

import os
from collections.abc import Callable
from typing import TypeVar

from hypothesis import settings

from schemas.errors import Fault, RejectedError

T = TypeVar("T")


def effort(examples: int) -> settings:
    """Gives the settings of a property. examples: how many `make test` can afford."""
    factor = int(os.environ.get("FUZZ_FACTOR", "1"))
    return settings(max_examples=examples * factor, print_blob=True)


def tried(call: Callable[[], T]) -> T | Fault:
    """Gives the value, or why there is none. Any other exception is a finding."""
    try:
        return call()
    except RejectedError as error:
        return error.fault
