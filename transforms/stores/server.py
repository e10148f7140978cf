"""A Qdrant server, over REST."""

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from schemas.errors import Code, UsageError
from schemas.stamp import Stamp
from transforms.stores.base import Collection, Point, StoreError, StoreRefusedError
from transforms.stores.retries import TransientError, with_retries

T = TypeVar("T")

_TIMEOUT_S = 60

# Whether the way to the server is safe is for those who run it to judge; a line of our source at
# each command helps nobody.
warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
_METADATA_KEY = "muster"


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A server's URL. The API key stays in the environment of each process."""

    location: str
    retry_for_s: float
    embedded: bool = False

    def open(self) -> "ServerStore":
        """Makes the client; nothing is sent yet."""
        return ServerStore(self.location, read_api_key(), self.retry_for_s)


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
    """Collections on a server. Only look-ups and writes are tried again."""

    def __init__(self, url: str, api_key: str | None, retry_for_s: float) -> None:
        self._url, self._has_key, self._retry_for_s = url, api_key is not None, retry_for_s
        self._client = QdrantClient(
            url=url, api_key=api_key, timeout=_TIMEOUT_S, check_compatibility=False
        )
        self._vector_names: dict[str, str] = {}

    def create_collection(self, name: str, stamp: Stamp) -> None:
        """Makes the collection with its stamp as metadata, then the index on person_id."""
        vector = models.VectorParams(size=stamp.dimension, distance=models.Distance.COSINE)
        self._call(
            lambda: self._client.create_collection(
                name, {stamp.pack: vector}, metadata={_METADATA_KEY: stamp.to_json()}
            )
        )
        try:
            self._call(
                lambda: self._client.create_payload_index(
                    name, "person_id", models.PayloadSchemaType.KEYWORD, wait=True
                )
            )
        except StoreError:
            self.delete_collection(name)  # half of a collection would look like a whole one
            raise

    def find_collection(self, name: str) -> Collection | None:
        """Counts exactly."""
        try:
            info = self._call(lambda: self._client.get_collection(name))
            persons = self._call(lambda: self._client.count(name, exact=True)).count
        except StoreError as error:
            if error.code is Code.NOT_FOUND:
                return None
            raise
        return Collection(name, persons, _stamp(info))

    def list_collections(self) -> Sequence[Collection]:
        """Gives all of the server's collections."""
        listed = self._call(self._client.get_collections).collections
        found = [self.find_collection(name) for name in sorted(each.name for each in listed)]
        return [each for each in found if each is not None]

    def delete_collection(self, name: str) -> None:
        """Removes the collection."""
        self._vector_names.pop(name, None)
        if not self._call(lambda: self._client.delete_collection(name)):  # 200, but nothing done
            raise StoreError(Code.NOT_FOUND, f"the store at {self._url} has no such collection")

    def optimize_collection(self, name: str) -> None:
        """Nothing to do: a server builds its indexes by itself."""

    def look_up(
        self, collection: str, point_ids: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        """Gives the fields of those that exist."""
        found = self._call(
            lambda: self._client.retrieve(collection, point_ids, with_payload=list(fields)),
            self._retry_for_s,
        )
        return {str(each.id): each.payload or {} for each in found}

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Waits until the server has applied the points; anything less is tried again."""
        name = self._vector_name(collection)
        changed = [
            models.PointStruct(
                id=each.id, vector={name: each.vector.tolist()}, payload=dict(each.payload)
            )
            for each in points
        ]

        def send() -> None:
            result = self._client.upsert(collection, changed, wait=True)
            if result.status != models.UpdateStatus.COMPLETED:
                raise TransientError(f"the server answered {result.status}, not completed")

        self._tried(send, self._retry_for_s)

    def get(self, collection: str, point_id: str) -> Point | None:
        """Gives the whole point."""
        found = self._call(
            lambda: self._client.retrieve(
                collection, [point_id], with_payload=True, with_vectors=True
            )
        )
        for each in found:
            vectors: Any = each.vector
            vector = np.asarray(vectors[self._vector_name(collection)], dtype=np.float32)
            return Point(point_id, vector, each.payload or {})
        return None

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _vector_name(self, collection: str) -> str:
        if collection not in self._vector_names:
            info = self._call(lambda: self._client.get_collection(collection), self._retry_for_s)
            stamp = _stamp(info)
            if stamp is None:
                raise StoreError(Code.NOT_FOUND, f"{self._url} has no stamped {collection!r}")
            self._vector_names[collection] = stamp.pack
        return self._vector_names[collection]

    def _call(self, call: Callable[[], T], retry_for_s: float = 0.0) -> T:
        """Gives `call()`, its failure as a StoreError."""
        try:
            return self._tried(call, retry_for_s)
        except StoreRefusedError as error:
            raise StoreError(Code.DATABASE_ERROR, f"{self._url}: {error}") from error

    def _tried(self, call: Callable[[], T], retry_for_s: float) -> T:
        """Gives `call()`, its failure as a StoreError or a StoreRefusedError."""
        try:
            return with_retries(lambda: self._translated(call), retry_for_s)
        except TransientError as error:
            within = f" within {retry_for_s:g} s" if retry_for_s else ""
            why = f"the store at {self._url} gave no good answer{within}: {error}"
            raise StoreError(Code.DATABASE_ERROR, why) from error

    def _translated(self, call: Callable[[], T]) -> T:
        """Gives `call()`; what qdrant-client raises leaves as one of ours, without content."""
        try:
            return call()
        except ResourceExhaustedResponse as error:
            raise TransientError("429", float(error.retry_after_s)) from error
        except QdrantException as error:  # a Retry-After that is a date
            raise TransientError("429") from error
        except ResponseHandlingException as error:
            raise TransientError(type(error.source).__name__) from error
        except UnexpectedResponse as error:
            raise self._by_status(error.status_code or 500) from error
        except (json.JSONDecodeError, UnicodeDecodeError, AssertionError) as error:
            raise TransientError("not an answer of Qdrant") from error

    def _by_status(self, status: int) -> Exception:
        if status in {401, 403}:
            if self._has_key:
                return StoreError(
                    Code.API_KEY_NOT_VALID,
                    f"the store at {self._url} answered {status} to the key that was sent; "
                    "check QDRANT_API_KEY",
                )
            return StoreError(
                Code.API_KEY_NOT_PRESENT,
                f"the store at {self._url} answered {status} and no key was sent; "
                "set QDRANT_API_KEY, or QDRANT_API_KEY_FILE to a file that holds it",
            )
        if status == 404:
            return StoreError(Code.NOT_FOUND, f"the store at {self._url} has no such collection")
        if status == 409:
            return StoreError(Code.ALREADY_EXISTS, f"the store at {self._url} has it already")
        if status in {408, 429} or status >= 500:  # 408: the server's own time limit
            return TransientError(str(status))
        return StoreRefusedError(f"the server answered {status}")


def _stamp(info: models.CollectionInfo) -> Stamp | None:
    return Stamp.from_json((info.config.metadata or {}).get(_METADATA_KEY))
