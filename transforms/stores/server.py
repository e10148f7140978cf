"""A Qdrant server, over REST."""

import json
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException

from schemas.errors import Code, UsageError
from schemas.stamp import Stamp
from transforms.run_state import RUN_STATE
from transforms.stores.base import Collection, Point, StoreError, StoreRefusedError, TooManyError
from transforms.stores.retries import (
    LONGEST_ANSWER_S,
    BusyError,
    TransientError,
    while_busy,
    with_retries,
)

T = TypeVar("T")

# Whether the way to the server is safe is for those who run it to judge; a line of our source at
# each command helps nobody.
warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
_METADATA_KEY = "muster"
_GOOD = {200, 201, 202}
_POINTS_REFUSED = {400, 413, 422}
# In a cluster, making and deleting take longer than a server waits for them by itself.
_CLUSTER_S = 50
_TOO_MANY = "split your request"  # of a limit of points that no waiting helps against
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
_BUSY_S = 10.0  # for which all other calls are tried again, where it answers that it is busy


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A server's URL. The API key stays in the environment of each process."""

    location: str
    retry_for_s: float
    embedded: bool = False

    def open(self) -> "ServerStore":
        """Makes the client; nothing is sent yet. Raises UsageError where that cannot be."""
        key = read_api_key()
        try:
            return ServerStore(self.location, key, self.retry_for_s)
        except (ValueError, ImportError, OSError, httpx.InvalidURL) as error:
            raise UsageError(
                f"--store {self.location}: no client can be made ({type(error).__name__}); look at "
                "ALL_PROXY, HTTP_PROXY, HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE in the environment"
            ) from error


def read_api_key() -> str | None:
    """Gives QDRANT_API_KEY, or the content of the file that QDRANT_API_KEY_FILE names.

    Space around it, as the newline at the end of many a secret, is no part of it.
    """
    key, source = os.environ.get("QDRANT_API_KEY", "").strip(), "QDRANT_API_KEY"
    if not key and (path := os.environ.get("QDRANT_API_KEY_FILE")):
        source = "QDRANT_API_KEY_FILE"
        try:
            key = Path(path).read_text().strip()
        except (OSError, ValueError) as error:
            raise UsageError(f"{source}: cannot read {path!r}") from error
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"{source}: holds characters that cannot be sent as a key")
    return key or None


class ServerStore:
    """Collections on a server. Only look-ups and writes are tried again where it is away.

    Once one of them was given up and the run stops for it, no other is sent: what still waits in
    many batches would have its own delay each.
    """

    def __init__(self, url: str, api_key: str | None, retry_for_s: float) -> None:
        self._url, self._has_key, self._retry_for_s = url, api_key is not None, retry_for_s
        self._client = QdrantClient(
            url=url, api_key=api_key, timeout=int(LONGEST_ANSWER_S), check_compatibility=False
        )
        self._client.http.client.add_middleware(self._checked)
        self._given_up = ""

    def create_collection(self, name: str, stamp: Stamp) -> None:
        """Makes the collection with its stamp as metadata, then the index on person_id.

        Half of a collection would look like a whole one, and goes again.
        """
        vector = models.VectorParams(size=stamp.dimension, distance=models.Distance.COSINE)
        metadata = {_METADATA_KEY: stamp.to_json()}
        self._once(
            lambda: self._client.create_collection(
                name, {stamp.pack: vector}, metadata=metadata, timeout=_CLUSTER_S
            )
        )
        try:
            self._call(
                lambda: self._client.create_payload_index(
                    name, "person_id", models.PayloadSchemaType.KEYWORD, wait=True
                )
            )
            if _stamp(self._call(lambda: self._client.get_collection(name))) != stamp:
                raise StoreError(
                    Code.DATABASE_ERROR,
                    f"the store at {self._url} does not keep the metadata of collections; Muster "
                    "needs Qdrant 1.16 or later",
                )
        except StoreError:
            self.delete_collection(name)
            raise

    def find_collection(self, name: str, *, count: bool = True) -> Collection | None:
        """Counts exactly, unless the server does not: it may have been told not to, or too many."""
        try:
            info = self._call(lambda: self._client.get_collection(name))
            return Collection(name, self._count(name) if count else None, _stamp(info))
        except StoreError as error:
            if error.code is Code.NOT_FOUND:
                return None
            raise

    def list_collections(self) -> Sequence[Collection]:
        """Gives all of the server's collections, also those of others that cannot be looked at."""
        listed = self._call(self._client.get_collections).collections
        found = [self._listed(name) for name in sorted(each.name for each in listed)]
        return [each for each in found if each is not None]

    def _listed(self, name: str) -> Collection | None:
        try:
            return self.find_collection(name)
        except StoreError as error:
            if error.code is not Code.DATABASE_ERROR:
                raise
            return Collection(name, None, None)

    def _count(self, name: str) -> int | None:
        try:
            return self._once(lambda: self._client.count(name, exact=True)).count
        except StoreError as error:
            if error.code is not Code.DATABASE_ERROR:
                raise
            return None

    def delete_collection(self, name: str) -> None:
        """Removes the collection."""
        # Asked once: the second answer to one that was done would be that there is none.
        if not self._once(lambda: self._client.delete_collection(name, timeout=_CLUSTER_S)):
            raise StoreError(Code.NOT_FOUND, f"the store at {self._url} has no such collection")

    def optimize_collection(self, name: str) -> None:
        """Nothing to do: a server builds its indexes by itself."""

    def look_up(
        self, collection: str, point_ids: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        """Gives the fields of those that exist."""
        try:
            found = self._unrefused(
                lambda: self._client.retrieve(collection, point_ids, with_payload=list(fields))
            )
        except TooManyError as error:
            if (half := len(point_ids) // 2) == 0:
                raise StoreError(Code.DATABASE_ERROR, f"{self._url}: {error}") from error
            return {
                **self.look_up(collection, point_ids[:half], fields),
                **self.look_up(collection, point_ids[half:], fields),
            }
        return {str(each.id): each.payload or {} for each in found}

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Waits until the server has applied the points; anything less is tried again."""
        changed = [
            models.PointStruct(
                id=each.id,
                vector={each.vector_name: each.vector.tolist()},
                payload=dict(each.payload),
            )
            for each in points
        ]

        def send() -> None:
            result = self._client.upsert(collection, changed, wait=True)
            if result.status != models.UpdateStatus.COMPLETED:
                raise TransientError(f"the server answered {result.status}, not completed")

        self._retried(send)

    def get(self, collection: str, point_id: str) -> Point | None:
        """Gives the whole point."""
        found = self._call(
            lambda: self._client.retrieve(
                collection, [point_id], with_payload=True, with_vectors=True
            )
        )
        for each in found:
            vectors: Any = each.vector
            name = self._vector_name(collection)
            vector = np.asarray(vectors[name], dtype=np.float32)
            return Point(point_id, name, vector, each.payload or {})
        return None

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _vector_name(self, collection: str) -> str:
        found = self.find_collection(collection, count=False)
        if found is None or found.stamp is None:
            raise StoreError(Code.NOT_FOUND, f"{self._url} has no stamped {collection!r}")
        return found.stamp.pack

    def _once(self, call: Callable[[], T]) -> T:
        """Gives `call()`, tried once; its failure as a StoreError."""
        return self._call(call, retry_for_s=0.0)

    def _call(self, call: Callable[[], T], retry_for_s: float = _BUSY_S) -> T:
        """Gives `call()`, for which somebody waits; its failure as a StoreError."""
        try:
            return while_busy(lambda: _translated(call), min(self._retry_for_s, retry_for_s))
        except (TransientError, StoreRefusedError) as error:
            why = f"the store at {self._url} gave no good answer: {error}"
            raise StoreError(Code.DATABASE_ERROR, why) from error

    def _unrefused(self, call: Callable[[], T]) -> T:
        """Gives `call()`, tried again; its failure as a StoreError."""
        try:
            return self._retried(call)
        except TooManyError:
            raise
        except StoreRefusedError as error:
            raise StoreError(Code.DATABASE_ERROR, f"{self._url}: {error}") from error

    def _retried(self, call: Callable[[], T]) -> T:
        """Gives `call()`, tried again; its failure as a StoreError or a StoreRefusedError."""
        if self._given_up and RUN_STATE.stopping:
            raise StoreError(Code.DATABASE_ERROR, self._given_up)
        try:
            return with_retries(lambda: _translated(call), self._retry_for_s)
        except TransientError as error:
            until = "until the stop" if RUN_STATE.stopping else f"within {self._retry_for_s:g} s"
            self._given_up = f"the store at {self._url} gave no good answer {until}: {error}"
            raise StoreError(Code.DATABASE_ERROR, self._given_up) from error

    def _checked(
        self, request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]
    ) -> httpx.Response:
        """Gives a good answer, or raises what its status means, before qdrant-client reads it."""
        response = send(request)
        status = response.status_code
        if status in _GOOD:
            return response
        if status in {401, 403}:
            if self._has_key:
                raise StoreError(
                    Code.API_KEY_NOT_VALID,
                    f"the store at {self._url} answered {status} to the key that was sent; "
                    "check QDRANT_API_KEY",
                )
            raise StoreError(
                Code.API_KEY_NOT_PRESENT,
                f"the store at {self._url} answered {status} and no key was sent; "
                "set QDRANT_API_KEY, or QDRANT_API_KEY_FILE to a file that holds it",
            )
        if status == 404 and not _told(response):
            raise TransientError("404, and not by Qdrant: is the URL right?")
        if status == 404:
            raise StoreError(Code.NOT_FOUND, f"the store at {self._url} has no such collection")
        if status == 409:
            raise StoreError(Code.ALREADY_EXISTS, f"the store at {self._url} has it already")
        if status == 429 and _TOO_MANY in _told(response):
            raise TooManyError("the server takes fewer at a time")
        if status in {408, 429} or status >= 500:  # 408: the server's own time limit
            raise BusyError(str(status), _delay_s(response.headers.get("Retry-After", "")))
        if status in _POINTS_REFUSED:
            raise StoreRefusedError(f"the server answered {status}")
        raise StoreError(Code.DATABASE_ERROR, f"the store at {self._url} answered {status}")


def _told(response: httpx.Response) -> str:
    """Gives what Qdrant tells of an error; "" where it is no answer of Qdrant's."""
    try:
        return str(response.json()["status"]["error"])
    except (ValueError, LookupError, TypeError):
        return ""


def _translated(call: Callable[[], T]) -> T:
    """Gives `call()`; what qdrant-client raises leaves as one of ours, without content."""
    try:
        return call()
    except ResponseHandlingException as error:
        why = type(error.source).__name__
        if _UNTRUSTED in str(error.source):
            why = "its certificate is not trusted; SSL_CERT_FILE names a file of those that are"
        raise TransientError(why) from error
    except (json.JSONDecodeError, UnicodeDecodeError, AssertionError) as error:
        raise TransientError("not an answer of Qdrant") from error


def _delay_s(retry_after: str) -> float:
    """Reads a Retry-After: seconds or a date; 0 where it is neither."""
    try:
        seconds = float(retry_after)
        return seconds if math.isfinite(seconds) else 0.0
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(retry_after)
        return (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return 0.0


def _stamp(info: models.CollectionInfo) -> Stamp | None:
    return Stamp.from_json((info.config.metadata or {}).get(_METADATA_KEY))
