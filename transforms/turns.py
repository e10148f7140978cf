"""Lets one worker have Python's lock to itself for a moment.

A library that lets go of that lock in each of many small steps wakes whoever waits for it, in vain:
to make a point for the embedded store took one of two workers six times as long as one alone. Who
calls such a library does so `with ALONE`. Workers begin no row meanwhile, so that soon none waits.
"""

import threading

ALONE = threading.Lock()


def wait_for_turn() -> None:
    """Returns once no worker is alone."""
    if ALONE.locked():
        with ALONE:
            pass
