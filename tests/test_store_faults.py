"""Every fault of a server, alone and mixed; the long form is tests/soak/store_faults.py."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.ids import point_id
from schemas.report import Status
from tests.qdrant_faults import FAULTS, AtRandom, Away, FromWrite, stalls
from tests.qdrant_server import Fault
from tests.soak.store_faults import (
    GIVEN_UP,
    REFUSED,
    Stored,
    Trial,
    gives_up,
    payload,
    stored_without_faults,
    survives,
    trial,
)
from transforms.stores import retries

ROWS = 500
STALLS = stalls(4.0)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return payload(tmp_path_factory.mktemp("payload"), ROWS)


@pytest.fixture(scope="module")
def expected(path: Path) -> Stored:
    return stored_without_faults(path, ROWS)


@pytest.fixture
def fresh(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    monkeypatch.setattr(retries, "_JITTER_S", 0.1)  # the soak has all of it
    with trial(path, ROWS) as started:
        yield started


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stall is soon seen as one."""
    monkeypatch.setattr(retries, "LONGEST_ANSWER_S", 1.0)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_now_and_then(fresh: Trial, expected: Stored, name: str) -> None:
    fresh.server.fail_with = faults = AtRandom({name: FAULTS[name]}, 0.2, seed=1)
    report = survives(fresh, expected)
    assert report.retries == faults.met.total() > 0
    least_wait = float(FAULTS[name].headers.get("Retry-After", "0.2"))
    assert report.throttled_seconds >= least_wait * report.retries


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("name", STALLS)
def test_a_stall_now_and_then(fresh: Trial, expected: Stored, name: str) -> None:
    fresh.server.fail_with = faults = AtRandom({name: STALLS[name]}, 0.1, seed=1)
    report = survives(fresh, expected)
    assert report.retries >= faults.met.total() > 0


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_bad_point_stands_alone(fresh: Trial, expected: Stored, status: int) -> None:
    fresh.server.bad_points = {point_id(f"id-{n:06}"): status for n in (70, 71)}
    report = survives(fresh, expected)
    assert report.retries == 0


@pytest.mark.usefixtures("_impatient")
def test_all_at_random(fresh: Trial, expected: Stored) -> None:
    at_random, away = AtRandom(FAULTS | STALLS, 0.1, seed=1), Away(fresh.server, 3, 1.0)
    fresh.server.fail_with = lambda method, path: away(method, path) or at_random(method, path)
    fresh.server.bad_points = {point_id("id-000070"): 422}
    report = survives(fresh, expected)
    assert report.retries >= at_random.met.total() > 3


def test_gone_for_a_time(fresh: Trial, expected: Stored) -> None:
    fresh.server.fail_with = Away(fresh.server, 2, 2.0)
    report = survives(fresh, expected)
    assert report.seconds > 2
    assert report.throttled_seconds > 1


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(None, id="connections_refused"),
        pytest.param(Fault(sent=0.0, stall_s=600.0), id="no_answer"),
        pytest.param(Fault(503), id="503"),
        pytest.param(Fault(update="wait_timeout", applied=True), id="wait_timeout"),
    ],
)
def test_gone_for_good(fresh: Trial, expected: Stored, fault: Fault | None) -> None:
    gone = Away(fresh.server, 3, None) if fault is None else FromWrite(3, fault)
    assert gives_up(fresh, expected, gone, retry_for_s=2.0) < 8


@pytest.mark.usefixtures("_impatient")
def test_look_ups_gone_for_good(fresh: Trial, expected: Stored) -> None:
    """Where nothing has to be written, no write finds out that the store is away."""
    assert fresh.enroll("first", retry_for_s=60.0).account.enrolled == len(expected)
    fresh.server.fail_with = lambda method, _: Fault(503) if method == "POST" else None
    report = fresh.enroll("run", retry_for_s=1.0)
    assert report.status is Status.FAILED
    ended = fresh.ended("run")
    assert set(ended.values()) == {GIVEN_UP}
    assert report.account.rows_read == len(ended) == len(expected) - (report.rows_not_read or 0)
    assert len(ended) < len(expected)
    assert fresh.stored() == expected


@pytest.mark.usefixtures("_impatient")
def test_gone_while_a_batch_is_sent_point_by_point(fresh: Trial, expected: Stored) -> None:
    """Each point would have a wait of its own, and each is a rejected row."""
    fresh.server.bad_points = {point_id(each): 400 for each in expected}
    fresh.server.fail_with = gone = FromWrite(4, Fault(sent=0.0, stall_s=600.0))
    report = fresh.enroll("run", retry_for_s=2.0)
    assert time.monotonic() - gone.since < 8
    assert report.status is Status.FAILED
    assert report.account.closes
    ended = fresh.ended("run")
    assert report.account.rows_read == len(ended)
    assert set(ended.values()) == {REFUSED, GIVEN_UP}
    assert fresh.stored() == {}
