"""One handle a store and process: workers share the one that `run()` opened and will close.

A handle kept by Beam's `Shared` would outlive the pipeline and keep the embedded store locked.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from schemas.errors import Code, UsageError
from transforms.person_metadata import is_text
from transforms.stores.base import Store, StoreError, StoreSpec
from transforms.stores.edge import EdgeSpec

DEFAULT_RETRY_FOR_S = 120.0

_HOST_AND_PORT = re.compile(r"[\w.-]+:\d+(/.*)?")

_handles: dict[StoreSpec, Store] = {}
_lock = threading.Lock()


def store_spec(location: str, retry_for_s: float = DEFAULT_RETRY_FOR_S) -> StoreSpec:
    """Gives the store at a URL or in a folder."""
    if location.lower().startswith(("http://", "https://")):
        _check_url(location)
        # Its client takes half a second to import, which an embedded store need not wait for.
        from transforms.stores.server import ServerSpec

        return ServerSpec(location, retry_for_s)
    _check_folder(location)
    return EdgeSpec(location, str(Path(location).absolute()))


def handle(spec: StoreSpec) -> Store:
    """Gives a worker's handle. Raises StoreError, also where its machine's environment has none."""
    try:
        return _handle(spec)
    except UsageError as error:
        raise StoreError(Code.API_KEY_NOT_PRESENT, str(error)) from error


def _handle(spec: StoreSpec) -> Store:
    """Gives this process's handle, opening it where there is none."""
    with _lock:
        if spec not in _handles:
            _handles[spec] = spec.open()
        return _handles[spec]


@contextmanager
def connected(spec: StoreSpec) -> Iterator[Store]:
    """Opens the store for the block, for every thread of this process."""
    try:
        yield _handle(spec)
    finally:
        with _lock:
            store = _handles.pop(spec, None)
        if store is not None:
            store.close()


def _check_folder(location: str) -> None:
    if not location or not is_text(location):
        raise UsageError(
            f"--store {location!r}: expected the name of a folder, in UTF-8, or a server's URL"
        )
    if Path(location).exists():
        if not Path(location).is_dir():
            raise UsageError(f"--store {location}: is a file; expected a folder, or a server's URL")
    elif "://" in location or _HOST_AND_PORT.fullmatch(location):
        raise UsageError(
            f"--store {location}: a server's URL begins with http:// or https://, a folder of this "
            "name with ./"
        )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        lawful = bool(parts.hostname) and parts.port != 0 and " " not in url
    except ValueError:
        lawful = False
    if not lawful:
        raise UsageError("--store: not a URL as http://localhost:6333")
    if "@" in parts.netloc or parts.query or parts.fragment:  # would stand in the manifest
        raise UsageError(
            "--store: the URL holds more than host, port and path; give the key in "
            "QDRANT_API_KEY or in the file that QDRANT_API_KEY_FILE names"
        )
