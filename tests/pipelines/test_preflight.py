"""What is asked of a store before a run."""

from pathlib import Path

from pipelines.preflight import bodies_into, check_stamp, existing, opened
from tests.qdrant_server import QdrantTestServer
from tests.transforms.stores.conftest import STAMP
from transforms.stores.server import ServerSpec


def test_no_persons_are_counted(tmp_path: Path) -> None:
    """A large collection takes a server up to a minute to count, and a run needs only its stamp."""
    asked: list[str] = []
    with QdrantTestServer(tmp_path) as server, opened(ServerSpec(server.url, 0.0)) as store:
        store.create_collection("new", STAMP)
        server.fail_with = lambda _, path: asked.append(path)
        check_stamp(existing(store, "new", server.url), STAMP, server.url, "opencv-zoo")
        assert bodies_into(store, ["new"], STAMP) == {"new": None}
    assert asked == ["/collections/new"] * 2
