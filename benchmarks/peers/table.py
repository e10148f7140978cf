"""What the rounds gave, as it is printed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median


@dataclass(frozen=True, slots=True)
class Entry:
    """Who ran, on which engine, and where the vectors went."""

    name: str
    engine: str
    store: str

    def __str__(self) -> str:
        return f"{self.name}, {self.engine}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run: its time, and how many vectors there were at its end."""

    entry: Entry
    photos: int
    seconds: float
    stored: int

    @property
    def rate(self) -> float:
        """Photos per second."""
        return self.photos / self.seconds


def table_lines(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Gives a line an entry, in the order in which they come: median, least and most."""
    yield f"{'':<13}{'engine':<13}{'store':<10}{'photos/s':>8}{'least':>8}{'most':>8}  stored"
    for entry, runs in _by_entry(outcomes).items():
        rates, stored = [each.rate for each in runs], sorted({each.stored for each in runs})
        yield (
            f"{entry.name:<13}{entry.engine:<13}{entry.store:<10}"
            f"{median(rates):>8.1f}{min(rates):>8.1f}{max(rates):>8.1f}"
            f"  {' or '.join(f'{each:,}' for each in stored)}"
        )


def ratio_lines(outcomes: Iterable[Outcome], first: str) -> Iterator[str]:
    """Gives how many times as fast the first is as each other, by medians on the same engine.

    first: a name. With the same store as the other, where it has one; else with its first. One that
    does not run on the first's own first engine is set against that as well.
    """
    rates = {
        entry: median(each.rate for each in runs) for entry, runs in _by_entry(outcomes).items()
    }
    own: dict[str, dict[str, float]] = {}
    for entry, rate in rates.items():
        if entry.name == first:
            own.setdefault(entry.engine, {})[entry.store] = rate
    others = [entry for entry in rates if entry.name != first]
    for entry in others:
        if stores := own.get(entry.engine):
            yield f"{first} / {entry}: {_of_store(stores, entry.store) / rates[entry]:.2f}"
    for engine, stores in islice(own.items(), 1):
        with_it = {entry.name for entry in others if entry.engine == engine}
        for entry in others:
            if entry.name not in with_it:
                ours = _of_store(stores, entry.store)
                yield f"{first}, {engine} / {entry}: {ours / rates[entry]:.2f}"


def _of_store(rates: Mapping[str, float], store: str) -> float:
    return rates.get(store, next(iter(rates.values())))


def _by_entry(outcomes: Iterable[Outcome]) -> dict[Entry, Sequence[Outcome]]:
    found: dict[Entry, list[Outcome]] = {}
    for each in outcomes:
        found.setdefault(each.entry, []).append(each)
    return dict(found)
