"""A server that fails in every way: nothing is lost, nothing is doubled, the account closes.

    python -m tests.soak.store_faults [--rows 10000] [--seed 1] [--only NAME]

Each fault alone, all mixed at random, a server gone for 20 s, and one gone for good. What is stored
is compared with what a run without faults stored.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipelines.config import EnrollConfig
from pipelines.enroll import run
from pipelines.exit_codes import exit_code
from schemas.exit_codes import FAILED, FINISHED
from schemas.ids import point_id
from schemas.options import FaceStorageType
from schemas.report import Report, Status
from tests.builders import make_image
from tests.command import COLLECTION, outcomes, read_records
from tests.fakes import NullPack
from tests.payloads import row, write_lines
from tests.qdrant_faults import FAULTS, AtRandom, Away, FromWrite, stalls
from tests.qdrant_server import Fault, QdrantTestServer
from transforms.stores.connect import connected, store_spec

ENROLLED = ("OK", "enrolled")
REFUSED = ("ERR_INTERNAL_ERROR", "store_refused")
GIVEN_UP = ("ERR_DATABASE_ERROR", "")
BEYOND_S = 30  # that a run may last beyond --retry-for once the server is gone

_RETRY_FOR_S = 20.0
_STALL_S = 15.0  # longer than a call is waited for then

Stored = Mapping[str, Any]


def payload(folder: Path, rows: int) -> Path:
    """Writes so many persons, each with a face of its own."""
    persons = (
        row(f"id-{n:06}", make_image(8, 8, "BMP", seed=n), metadata={"number": str(n)})
        for n in range(rows)
    )
    return write_lines(folder / "in.jsonl", persons)


@dataclass(frozen=True)
class Trial:
    """A server with an empty collection, and a payload to enroll into it."""

    server: QdrantTestServer
    payload: Path
    rows: int
    folder: Path

    def enroll(self, name: str, retry_for_s: float) -> Report:
        """Gives the report of a run with that folder."""
        config = EnrollConfig(
            inputs=(str(self.payload),),
            run_dir=str(self.folder / name),
            collection=COLLECTION,
            face_storage_type=FaceStorageType.NO_STORAGE,
            store=self.server.url,
            workers=2,
            retry_for_s=retry_for_s,
        )
        return run(config, pack=NullPack())

    def ended(self, name: str) -> dict[str, tuple[str, str]]:
        """Gives person_id -> (code, action or detail), once it is sure that each has one record."""
        records = read_records(self.folder / name)
        ended = outcomes(records)
        assert len(ended) == len(records), "two records of one person"
        return ended

    def stored(self) -> Stored:
        """Gives person_id -> all that is stored of the person but the time."""
        shard = self.server.collections.held[COLLECTION].shard
        ids = [point_id(f"id-{n:06}") for n in range(self.rows)]
        found = {}
        for each in shard.retrieve(ids, True, True):
            content = dict(each.payload or {})
            del content["updated_at"]
            found[content["person_id"]] = (content, each.vector)
        assert len(found) == shard.info().points_count, "a point that is nobody's"
        return found


@contextmanager
def trial(payload: Path, rows: int) -> Iterator[Trial]:
    """Starts a server for the block."""
    with TemporaryDirectory() as folder, QdrantTestServer(Path(folder) / "server") as server:
        with connected(store_spec(server.url)) as store:
            store.create_collection(COLLECTION, NullPack().stamp)
        yield Trial(server, payload, rows, Path(folder))


def stored_without_faults(payload: Path, rows: int) -> Stored:
    """Gives what a run stores that nothing troubles."""
    with trial(payload, rows) as quiet:
        assert quiet.enroll("run", 0.0).account.enrolled == rows
        return quiet.stored()


def survives(trial: Trial, expected: Stored, retry_for_s: float = 120.0) -> Report:
    """Enrolls while the server fails now and then. A point that it will not take stands alone."""
    bad = {each for each in expected if point_id(each) in trial.server.bad_points}
    report = trial.enroll("run", retry_for_s)
    ended = trial.ended("run")
    assert report.status is Status.FINISHED
    assert report.account.closes
    assert report.account.rows_read == trial.rows == len(ended)
    assert ended == {each: REFUSED if each in bad else ENROLLED for each in expected}
    assert trial.stored() == {each: what for each, what in expected.items() if each not in bad}
    assert exit_code(report, None, None) == (FAILED if bad else FINISHED)
    return report


def gives_up(trial: Trial, expected: Stored, gone: FromWrite | Away, retry_for_s: float) -> float:
    """Enrolls into a server that goes for good, and once more when it is back.

    Gives how many seconds the first run lasted without it.
    """
    trial.server.fail_with = gone
    report = trial.enroll("given-up", retry_for_s)
    lasted = time.monotonic() - gone.since
    if isinstance(gone, Away):
        trial.server.come_back()
    trial.server.fail_with = None
    ended, stored = trial.ended("given-up"), trial.stored()
    acknowledged = {each for each, how in ended.items() if how == ENROLLED}
    assert lasted < retry_for_s + BEYOND_S
    assert report.status is Status.FAILED
    assert exit_code(report, None, None) == FAILED
    assert report.account.closes
    assert report.account.rows_read == len(ended)
    assert report.rows_not_read == trial.rows - len(ended) > 0
    assert all(ended[each] == GIVEN_UP for each in ended.keys() - acknowledged)
    assert 0 < len(acknowledged) < len(ended)
    assert acknowledged <= stored.keys()
    assert stored == {each: expected[each] for each in stored}
    assert report.retries > 0
    assert report.throttled_seconds > 0

    again = trial.enroll("again", retry_for_s)
    assert again.status is Status.FINISHED
    assert again.account.unchanged == len(stored)
    assert again.account.enrolled == trial.rows - len(stored)
    assert trial.stored() == expected
    return lasted


def main() -> None:
    """Runs all trials, or one; the first that fails ends the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        path = payload(Path(folder), asked.rows)
        expected = stored_without_faults(path, asked.rows)
        for name, attempt in _trials(asked.seed).items():
            if asked.only in name:
                with trial(path, asked.rows) as fresh:
                    print(f"{name:<36}", attempt(fresh, expected), flush=True)


def _trials(seed: int) -> dict[str, Callable[[Trial, Stored], str]]:
    """Gives all trials by name."""
    every = FAULTS | stalls(_STALL_S)
    found = {name: partial(_at_random, {name: fault}, seed) for name, fault in every.items()}
    found |= {f"bad points: {status}": partial(_bad_points, status) for status in (400, 422)}
    found["gone for 20 s"] = _gone_for_a_time
    found["all mixed at random"] = partial(_mixed, FAULTS | stalls(5.0), seed)
    found["gone for good: connections refused"] = partial(_gone, None)
    found["gone for good: no answer"] = partial(_gone, Fault(sent=0.0, stall_s=600.0))
    found["gone for good: 503"] = partial(_gone, Fault(503))
    return found


def _at_random(faults: Mapping[str, Fault], seed: int, trial: Trial, expected: Stored) -> str:
    stalled = any(each.stall_s for each in faults.values())
    trial.server.fail_with = hook = AtRandom(faults, 0.02 if stalled else 0.1, seed)
    report = survives(trial, expected, _RETRY_FOR_S)
    assert report.retries == hook.met.total() > 0
    return _told(report, hook.met)


def _bad_points(status: int, trial: Trial, expected: Stored) -> str:
    trial.server.bad_points = {point_id(each): status for each in list(expected)[::500]}
    return _told(survives(trial, expected), Counter(bad_points=len(trial.server.bad_points)))


def _gone_for_a_time(trial: Trial, expected: Stored) -> str:
    trial.server.fail_with = Away(trial.server, 9, 20.0)
    report = survives(trial, expected)
    assert report.seconds > 20
    return _told(report, Counter(gone=1))


def _mixed(faults: Mapping[str, Fault], seed: int, trial: Trial, expected: Stored) -> str:
    at_random, away = AtRandom(faults, 0.1, seed), Away(trial.server, 99, 20.0)
    trial.server.fail_with = lambda method, path: away(method, path) or at_random(method, path)
    trial.server.bad_points = {
        point_id(each): (400, 422)[n % 2] for n, each in enumerate(list(expected)[::500])
    }
    report = survives(trial, expected)
    assert at_random.met.keys() == faults.keys()
    assert report.retries >= at_random.met.total()
    return _told(report, at_random.met)


def _gone(fault: Fault | None, trial: Trial, expected: Stored) -> str:
    gone = Away(trial.server, 9, None) if fault is None else FromWrite(9, fault)
    lasted = gives_up(trial, expected, gone, _RETRY_FOR_S)
    return f"ended after {lasted:.1f} s with --retry-for {_RETRY_FOR_S:g}s; the next run finished"


def _told(report: Report, met: Counter[str]) -> str:
    account = report.account
    return (
        f"faults {met.total()}, rows {account.rows_read}, enrolled {account.enrolled}, "
        f"rejected {dict(account.rejected)}, retries {report.retries}, "
        f"throttled {report.throttled_seconds:.1f} s, took {report.seconds:.1f} s"
    )


if __name__ == "__main__":
    main()
