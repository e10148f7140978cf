"""The server store: keys, and what is tried again after which failure."""

import pickle
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import Code, UsageError
from tests.qdrant_server import HANG_UP, Fault, QdrantTestServer
from tests.transforms.stores.conftest import STAMP, point, points
from transforms.run_state import RUN_STATE
from transforms.stores import retries
from transforms.stores.base import Store, StoreError, StoreRefusedError
from transforms.stores.server import ServerSpec, ServerStore

pytestmark = pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")

KEY = "the-key-of-the-server"
WRONG_KEY = "some-other-secret"
SECRET = "the-payload-of-a-person"
UPSERT, LOOK_UP = "PUT /collections/people/points", "POST /collections/people/points"
FIND = "GET /collections/people"
HALF = Fault(applied=True, sent=0.5)

EVERY_CALL = [
    pytest.param(lambda store: store.create_collection("new", STAMP), id="create"),
    pytest.param(lambda store: store.find_collection("people"), id="find"),
    pytest.param(lambda store: store.list_collections(), id="list"),
    pytest.param(lambda store: store.delete_collection("people"), id="delete"),
    pytest.param(lambda store: store.look_up("people", [point(1).id], ["a"]), id="look_up"),
    pytest.param(lambda store: store.upsert("people", [point(1, a=SECRET)]), id="upsert"),
    pytest.param(lambda store: store.get("people", point(1).id), id="get"),
]
RETRIED_CALLS = [each for each in EVERY_CALL if each.id in {"look_up", "upsert"}]

Call = Callable[[Store], object]


class Script:
    """Answers the first matching requests with these faults, and remembers all requests."""

    def __init__(self, *faults: int | tuple[int, dict[str, str]] | Fault, to: str = "") -> None:
        self._left, self._to = deque(faults), to
        self.requests: list[str] = []

    def __call__(self, method: str, path: str) -> tuple[int, dict[str, str]] | Fault | None:
        request = f"{method} {path}"
        self.requests.append(request)
        if not self._left or self._to not in request:
            return None
        fault = self._left.popleft()
        return (fault, {}) if isinstance(fault, int) else fault


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantTestServer]:
    with QdrantTestServer(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(started: QdrantTestServer) -> QdrantTestServer:
    """A server that asks for no key and holds nothing but an empty collection `people`."""
    started.api_key = started.fail_with = None
    held = started.collections.held
    for name in [name for name in held if held[name].shard.info().points_count or name != "people"]:
        started.collections.delete(name)
    if not held:
        opened(started, 0.0).create_collection("people", STAMP)
    return started


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between tries, which then take no time."""
    waited: list[float] = []
    monkeypatch.setattr(retries, "_sleep", waited.append)
    return waited


def opened(server: QdrantTestServer, retry_for_s: float) -> ServerStore:
    return ServerSpec(server.url, retry_for_s).open()


def always(status: int) -> Callable[[str, str], tuple[int, dict[str, str]]]:
    return lambda method, path: (status, {})


def refusal(call: Call, store: Store) -> StoreError:
    """Gives what the call raises, once it is sure that it tells no secrets."""
    with pytest.raises(StoreError) as raised:
        call(store)
    for secret in (KEY, WRONG_KEY, SECRET):
        assert secret not in str(raised.value)
    return raised.value


# Keys


@pytest.fixture(scope="module")
def without_key(started: QdrantTestServer) -> Store:
    return ServerStore(started.url, None, 60.0)


@pytest.mark.parametrize("call", EVERY_CALL)
def test_without_a_key(server: QdrantTestServer, without_key: Store, call: Call) -> None:
    server.api_key = KEY
    error = refusal(call, without_key)
    assert error.code is Code.API_KEY_NOT_PRESENT
    assert "QDRANT_API_KEY" in error.why


@pytest.fixture(scope="module")
def with_wrong_key(started: QdrantTestServer) -> Store:
    return ServerStore(started.url, WRONG_KEY, 60.0)


@pytest.mark.parametrize("call", EVERY_CALL)
def test_with_a_wrong_key(server: QdrantTestServer, with_wrong_key: Store, call: Call) -> None:
    server.api_key = KEY
    assert refusal(call, with_wrong_key).code is Code.API_KEY_NOT_VALID


def test_with_a_key_that_may_only_read(
    server: QdrantTestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    server.fail_with = Script(403, to=UPSERT)
    store = opened(server, 60.0)
    error = refusal(lambda store: store.upsert("people", [point(1, a=SECRET)]), store)
    assert error.code is Code.API_KEY_NOT_VALID


@pytest.mark.parametrize("written", [KEY, f" {KEY}\n"])
def test_with_the_key(
    server: QdrantTestServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str
) -> None:
    server.api_key = KEY
    monkeypatch.setenv("QDRANT_API_KEY", written)
    opened(server, 0.0).upsert("people", [point(1)])

    file = tmp_path / "key"
    file.write_text(written)
    monkeypatch.delenv("QDRANT_API_KEY")
    monkeypatch.setenv("QDRANT_API_KEY_FILE", str(file))
    found = opened(server, 0.0).find_collection("people")
    assert found is not None
    assert found.num_persons == 1


@pytest.mark.parametrize("key", ["schlüssel-geheim", "two\nlines-geheim"])
def test_a_key_that_cannot_be_sent(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("QDRANT_API_KEY", key)
    with pytest.raises(UsageError, match="QDRANT_API_KEY") as raised:
        ServerSpec("http://127.0.0.1:1", 0.0).open()
    assert "geheim" not in str(raised.value)


def test_a_key_file_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QDRANT_API_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(UsageError, match="QDRANT_API_KEY_FILE"):
        ServerSpec("http://127.0.0.1:1", 0.0).open()


def test_a_spec_travels_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    spec = ServerSpec("http://127.0.0.1:1", 7.0)
    pickled = pickle.dumps(spec)
    assert KEY.encode() not in pickled
    assert pickle.loads(pickled) == spec


# What the server is told


def test_a_write_is_one_request(server: QdrantTestServer) -> None:
    server.fail_with = script = Script()
    store = opened(server, 0.0)
    for number in range(3):
        store.upsert("people", [point(number)])
    assert script.requests == [UPSERT, UPSERT, UPSERT]


# A server that is away


@pytest.fixture(scope="module")
def down() -> Store:
    """A store of which nothing is left but its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return ServerSpec(f"http://127.0.0.1:{port}", 0.0).open()


@pytest.mark.parametrize("call", EVERY_CALL)
def test_a_server_that_is_down_is_told_at_once(down: Store, call: Call) -> None:
    began = time.monotonic()
    error = refusal(call, down)
    assert time.monotonic() - began < 1.0
    assert error.code is Code.DATABASE_ERROR
    assert "http://127.0.0.1:" in error.why


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>\xff</html>")

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def other() -> Iterator[Store]:
    """A store at the URL of something else."""
    with HTTPServer(("127.0.0.1", 0), _Page) as serving:
        threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True).start()
        yield ServerSpec(f"http://127.0.0.1:{serving.server_port}", 0.0).open()
        serving.shutdown()


@pytest.mark.parametrize("call", EVERY_CALL)
def test_a_server_of_something_else(other: Store, call: Call) -> None:
    assert refusal(call, other).code is Code.DATABASE_ERROR


# What is tried again


@pytest.mark.parametrize("fault", [HANG_UP, HALF, 408, 429, 500, 503])
@pytest.mark.parametrize("call", RETRIED_CALLS)
def test_tries_again_until_the_server_is_back(
    server: QdrantTestServer, waits: list[float], call: Call, fault: Any
) -> None:
    server.fail_with = Script(*[fault] * 3)
    call(opened(server, 60.0))
    assert len(waits) == 3
    assert all(0.2 * 2**n <= wait <= 0.2 * 2**n + 1.0 for n, wait in enumerate(waits))


@pytest.mark.parametrize("call", RETRIED_CALLS)
def test_waits_as_long_as_the_server_asks(
    server: QdrantTestServer, waits: list[float], call: Call
) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    past, rubbish = "Wed, 21 Oct 2015 07:28:00 GMT", "in a while"
    asked = [(429, "7"), (503, "7.5"), (503, soon), (429, soon), (429, past), (429, rubbish)]
    server.fail_with = Script(*[(status, {"Retry-After": delay}) for status, delay in asked])
    call(opened(server, 60.0))
    assert waits[:2] == [7.0, 7.5]
    assert all(25 < wait <= 30 for wait in waits[2:4])
    assert all(3.2 <= wait <= 7.4 for wait in waits[4:])


def test_the_wait_that_the_server_asks_for_is_real(server: QdrantTestServer) -> None:
    server.fail_with = Script((429, {"Retry-After": "1"}), to=UPSERT)
    began = time.monotonic()
    opened(server, 60.0).upsert("people", [point(1)])
    assert 1.0 <= time.monotonic() - began < 2.5


@pytest.mark.parametrize("status", ["acknowledged", "wait_timeout", "clock_rejected"])
def test_only_applied_is_acknowledged(
    server: QdrantTestServer, waits: list[float], status: str
) -> None:
    server.fail_with = script = Script(*[Fault(update=status)] * 2, to=UPSERT)
    store, put = opened(server, 60.0), points(range(5), a=1)
    store.upsert("people", put)
    assert script.requests == [UPSERT, UPSERT, UPSERT]
    assert len(waits) == 2
    assert store.look_up("people", [each.id for each in put], ["a"]) == {
        each.id: {"a": 1} for each in put
    }


def test_never_applied_is_an_error(server: QdrantTestServer) -> None:
    server.fail_with = Script(Fault(update="acknowledged"), to=UPSERT)
    store = opened(server, 0.0)
    error = refusal(lambda store: store.upsert("people", [point(1, a=SECRET)]), store)
    assert error.code is Code.DATABASE_ERROR
    assert "acknowledged" in error.why


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_server_refuses_is_not_tried_again(
    server: QdrantTestServer, waits: list[float], status: int
) -> None:
    server.fail_with = script = Script(*[status] * 2, to="points")
    store = opened(server, 60.0)
    with pytest.raises(StoreRefusedError) as raised:
        store.upsert("people", [point(1, a=SECRET)])
    assert SECRET not in str(raised.value)
    error = refusal(lambda store: store.look_up("people", [point(1).id], ["a"]), store)
    assert error.code is Code.DATABASE_ERROR
    assert script.requests == [UPSERT, LOOK_UP]
    assert waits == []


@pytest.mark.parametrize("status", [204, 302, 405])
def test_what_says_nothing_of_the_points_is_no_refusal_of_them(
    server: QdrantTestServer, waits: list[float], status: int
) -> None:
    server.fail_with = script = Script(status, to=UPSERT)
    error = refusal(lambda store: store.upsert("people", [point(1, a=SECRET)]), opened(server, 60))
    assert error.code is Code.DATABASE_ERROR
    assert str(status) in error.why
    assert script.requests == [UPSERT]
    assert waits == []


# What somebody waits for


def test_a_busy_server_is_asked_again_at_the_start_of_a_run(server: QdrantTestServer) -> None:
    server.fail_with = script = Script(503, (429, {"Retry-After": "1"}))
    began = time.monotonic()
    assert opened(server, 60.0).find_collection("people") is not None
    assert script.requests[:3] == [FIND] * 3
    assert time.monotonic() - began > 1.0


def test_a_server_that_stays_busy_is_told_soon(server: QdrantTestServer) -> None:
    server.fail_with = always(503)
    began = time.monotonic()
    error = refusal(lambda store: store.find_collection("people"), opened(server, 0.5))
    assert 0.45 <= time.monotonic() - began < 1.5
    assert (error.code, "503" in error.why) == (Code.DATABASE_ERROR, True)


@pytest.mark.parametrize(("fault", "retry_for_s"), [(503, 0.0), (HANG_UP, 60.0)])
def test_a_command_asks_once_and_a_run_where_nobody_answers(
    server: QdrantTestServer, fault: Any, retry_for_s: float
) -> None:
    server.fail_with = script = Script(*[fault] * 3)
    error = refusal(lambda store: store.find_collection("people"), opened(server, retry_for_s))
    assert error.code is Code.DATABASE_ERROR
    assert script.requests == [FIND]


# When it gives up


@pytest.mark.parametrize("call", RETRIED_CALLS)
def test_gives_up_in_time(server: QdrantTestServer, call: Call) -> None:
    server.fail_with = always(503)
    began = time.monotonic()
    error = refusal(call, opened(server, 0.5))
    assert 0.45 <= time.monotonic() - began < 1.5
    assert error.code is Code.DATABASE_ERROR
    assert "0.5 s: 503" in error.why


def test_waits_no_longer_than_it_may(server: QdrantTestServer) -> None:
    server.fail_with = script = Script(*[(429, {"Retry-After": "60"})] * 9, to=LOOK_UP)
    began = time.monotonic()
    refusal(lambda store: store.look_up("people", [point(1).id], []), opened(server, 0.3))
    assert time.monotonic() - began < 1.5
    assert len(script.requests) >= 2


def test_once_given_up_nothing_more_is_sent_in_that_run(server: QdrantTestServer) -> None:
    server.fail_with = script = Script(503)
    store = opened(server, 0.0)
    why = refusal(lambda store: store.look_up("people", [point(1).id], []), store).why
    try:
        RUN_STATE.stop(why)
        for call in (each.values[0] for each in RETRIED_CALLS):
            assert refusal(call, store).why == why
        assert script.requests == [LOOK_UP]
    finally:
        RUN_STATE.begin("")
    assert store.look_up("people", [point(1).id], []) == {}


@pytest.mark.parametrize("call", RETRIED_CALLS)
def test_a_run_that_is_stopped_waits_no_more(server: QdrantTestServer, call: Call) -> None:
    server.fail_with = always(503)
    stopping = threading.Timer(0.2, RUN_STATE.stop)
    try:
        stopping.start()
        began = time.monotonic()
        error = refusal(call, opened(server, 60.0))
        assert time.monotonic() - began < 1.5
        assert error.code is Code.DATABASE_ERROR
    finally:
        stopping.cancel()
        RUN_STATE.begin("")
