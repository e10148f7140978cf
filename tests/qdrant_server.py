"""A Qdrant server for tests: Qdrant Edge behind the part of the REST API that Muster uses.

As a program: python tests/qdrant_server.py --folder DIR [--port N] [--api-key K]
"""

import argparse
import json
import re
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

import qdrant_edge as edge

_CONFIG = "request.json"
_PATH = re.compile(r"/collections(?:/([^/]+)(/.*)?)?")
_KINDS = {"keyword": edge.PayloadSchemaType.Keyword}
_INDEX = {"data_type": "keyword", "points": 0}
_RECORD = ("id", "version", "score", "payload", "vector")
_HNSW = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}
_OPTIMIZER = {"default_segment_number": 0, "flush_interval_sec": 5}


class Fault(NamedTuple):
    """What a request meets instead of its answer.

    status, headers: of the answer. applied: it takes effect all the same. sent: the share of the
    answer's bytes that arrive before the connection ends. stall_s: before any of them. update:
    what the answer to a write says in place of "completed".
    """

    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    applied: bool = False
    sent: float = 1.0
    stall_s: float = 0.0
    update: str = ""


NO_FAULT = Fault(applied=True)
HANG_UP = Fault(sent=0.0)


class ApiError(Exception):
    """An answer other than 200: its status, and why."""


@dataclass(frozen=True)
class Held:
    """A collection, and the request that made it."""

    shard: edge.EdgeShard
    config: dict[str, Any]


class Collections:
    """Collections in the folders of a folder; safe to share among threads."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        made = {each.parent: json.loads(each.read_bytes()) for each in folder.glob(f"*/{_CONFIG}")}
        self.held = {
            each.name: Held(edge.EdgeShard.load(str(each)), config) for each, config in made.items()
        }

    def create(self, name: str, config: dict[str, Any]) -> bool:
        """Makes an empty one of named vectors."""
        vectors = {
            vector: edge.EdgeVectorParams(each["size"], getattr(edge.Distance, each["distance"]))
            for vector, each in config["vectors"].items()
        }
        with self._lock:
            if name in self.held:
                raise ApiError(409, f"Wrong input: Collection `{name}` already exists!")
            target = self._folder / name
            shard = edge.EdgeShard.create(str(target), edge.EdgeConfig(vectors=vectors))
            (target / _CONFIG).write_text(json.dumps(config))
            self.held[name] = Held(shard, config)
        return True

    def delete(self, name: str) -> bool:
        """Removes it; False where there is none."""
        with self._lock:
            if (held := self.held.pop(name, None)) is None:
                return False
            held.shard.close()
            shutil.rmtree(self._folder / name)
        return True

    def close(self) -> None:
        """Writes out what is pending."""
        with self._lock:
            while self.held:
                self.held.popitem()[1].shard.close()


class QdrantTestServer(ThreadingHTTPServer):
    """Listens on the loopback only. A context manager: serves in a thread for the block.

    fail_with: asked with method and path before each request for the Fault that it meets, or the
    beginning of one, as (503, {}). bad_points: by id; an upsert that holds one is refused as a
    whole with that status. keeps_metadata: of collections; before 1.16, Qdrant passed over it.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path, api_key: str | None = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.api_key = api_key
        self.fail_with: Callable[[str, str], Fault | tuple[Any, ...] | None] | None = None
        self.bad_points: dict[str, int] = {}
        self.keeps_metadata = True
        self.collections = Collections(folder)
        self._connections: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self.collections.close()

    def go_away(self) -> None:
        """Ends all connections and refuses new ones, as a server that was stopped."""
        self.shutdown()
        self.socket.close()
        for each in list(self._connections):
            with suppress(OSError):  # it was ended from the other side
                each.shutdown(socket.SHUT_RDWR)

    def come_back(self) -> None:
        """Listens where it did before."""
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.server_bind()
        self.server_activate()
        self._listen()

    def _listen(self) -> None:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remembers the connection, to end it."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forgets the connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that hang up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: QdrantTestServer

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = hook(self.command, url.path) if (hook := self.server.fail_with) else None
        fault = NO_FAULT if given is None else Fault(*given)
        status, answer, headers = fault.status, _error("as the test wants it"), fault.headers
        if fault.applied and (refusal := self._unauthorized()) is not None:
            status, answer = 401, refusal
            headers = {"Content-Type": "text/plain; charset=utf-8"}
        elif fault.applied:
            done = self._answer(url.path, "wait=true" in url.query, body)
            status, answer = done if fault.status == 200 else (status, answer)
        if fault.update and status == 200:
            answer = _ok({"operation_id": 0, "status": fault.update})
        time.sleep(fault.stall_s)
        self._send(status, answer, headers, fault.sent)

    do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    def _unauthorized(self) -> str | None:
        key = self.headers.get("api-key")
        if self.server.api_key in {None, key}:
            return None
        missing = "Must provide an API key or an Authorization bearer token"
        return missing if key is None else "Invalid API key or JWT"

    def _answer(self, path: str, waits: bool, body: bytes) -> tuple[int, dict[str, Any]]:
        try:
            if (match := _PATH.fullmatch(path)) is None:
                raise ApiError(404, "")
            name, rest = unquote(match[1] or ""), match[2] or ""
            asked = json.loads(body or b"{}")
            result = self._result(f"{self.command} {rest}".strip(), name, asked, waits)
        except ApiError as error:
            return error.args[0], _error(error.args[1])
        except Exception as error:  # the engine raises nothing more precise
            return 400, _error(f"Wrong input: {error}")
        return 200, _ok(result)

    def _result(self, route: str, name: str, asked: dict[str, Any], waits: bool) -> Any:
        collections = self.server.collections
        if not name and route == "GET":
            return {"collections": [{"name": each} for each in list(collections.held)]}
        if route == "PUT":
            kept = {key for key in asked if key != "metadata" or self.server.keeps_metadata}
            return collections.create(name, {key: asked[key] for key in kept})
        if route == "DELETE":
            return collections.delete(name)
        held = collections.held.get(name)
        if route == "GET /exists":
            return {"exists": held is not None}
        if held is None:
            raise ApiError(404, f"Not found: Collection `{name}` doesn't exist!")
        shard = held.shard
        done = {"operation_id": 0, "status": "completed" if waits else "acknowledged"}
        match route:
            case "GET":
                return _info(held)
            case "PUT /index":
                kind = _KINDS[asked["field_schema"]]
                shard.update(edge.UpdateOperation.create_field_index(asked["field_name"], kind))
                return done
            case "PUT /points":
                given = asked.get("points") or _of_columns(asked["batch"])
                for each in given:
                    if (status := self.server.bad_points.get(each["id"])) is not None:
                        raise ApiError(status, "Wrong input: a bad point")
                points = [edge.Point(**({"payload": {}} | each)) for each in given]
                shard.update(edge.UpdateOperation.upsert_points(points))
                return done
            case "POST /points":
                found = shard.retrieve(asked["ids"], asked["with_payload"], asked["with_vector"])
                return [_record(each) for each in found]
            case "POST /points/count":
                return {"count": shard.count(edge.CountRequest(exact=asked["exact"]))}
            case "POST /points/query":
                nearest = edge.Query.Nearest(asked["query"]["nearest"], using=asked["using"])
                chosen = {key: asked[key] for key in ("limit", "with_payload", "with_vector")}
                hits = shard.query(edge.QueryRequest(query=nearest, **chosen))
                return {"points": [_record(each) for each in hits]}
            case _:
                raise ApiError(404, "")

    def _send(self, status: int, answer: Any, headers: Mapping[str, str], share: float) -> None:
        self.close_connection |= share < 1
        if share == 0:
            return
        text = answer if isinstance(answer, str) else json.dumps(answer, default=str)  # UUIDs
        encoded = text.encode()
        always = {"Content-Type": "application/json", "Content-Length": str(len(encoded))}
        self.send_response(status)
        for name, value in (always | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded[: int(len(encoded) * share)])

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _ok(result: Any) -> dict[str, Any]:
    return {"result": result, "status": "ok", "time": 0.0}


def _error(why: str) -> dict[str, Any]:
    return {"status": {"error": why}, "time": 0.0}


def _of_columns(batch: dict[str, Any]) -> list[dict[str, Any]]:
    """Gives the points of the API's other form of a request, as other clients send it."""
    count = len(batch["ids"])
    vectors = batch["vectors"]
    rows = [{name: each[n] for name, each in vectors.items()} for n in range(count)]
    payloads = batch.get("payloads") or [{}] * count
    return [
        {"id": id_, "vector": vector, "payload": payload}
        for id_, vector, payload in zip(batch["ids"], rows, payloads, strict=True)
    ]


def _record(found: Any) -> dict[str, Any]:
    return {key: value for key in _RECORD if (value := getattr(found, key, None)) is not None}


def _info(held: Held) -> dict[str, Any]:
    info = held.shard.info()
    shown = {"params": {"vectors": held.config["vectors"]}, "metadata": held.config.get("metadata")}
    return {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": info.segments_count,
        "config": {**shown, "hnsw_config": _HNSW, "optimizer_config": _OPTIMIZER},
        "payload_schema": dict.fromkeys(info.payload_schema, _INDEX),
    }


def main() -> None:
    """Serves until it is killed, which loses nothing: the engine keeps a log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--api-key")
    asked = parser.parse_args()
    with QdrantTestServer(asked.folder, asked.api_key, asked.port) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
