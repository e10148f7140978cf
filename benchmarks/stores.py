"""The embedded store: writing whole points, looking them up, and finding who is most like a face.

    python -m benchmarks.stores [--points 100000]

Points are made by `to_point`, with all that a run stores but an image, and written by the store as
the pipeline does: one thread, 64 points at a time. `the engine alone` writes them through Qdrant
Edge itself, from objects that it was given before. The query goes through the engine as well, on
the collection that the store made: exact, over all vectors, the nearest ten with their payload.
The processor's time is shown beside the wall's, which other programs lengthen.
"""

import argparse
import hashlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from qdrant_edge import EdgeShard, Query, SearchParams, SearchRequest, UpdateOperation
from qdrant_edge import Point as EdgePoint

from benchmarks.machine import machine
from benchmarks.payloads import COLLECTION
from schemas.options import FaceStorageType, Rules
from schemas.records import EmbeddedFace, Face, Person, RowRef, Vector
from schemas.stamp import Stamp
from transforms.embed_faces import unit
from transforms.faces.base import Pack
from transforms.faces.catalogue import DEFAULT_PACK, find_pack
from transforms.points import LOOK_UP_FIELDS, run_marks, to_point
from transforms.stores.base import Point
from transforms.stores.edge import EdgeStore
from transforms.upsert_persons import BATCH_POINTS

QUERIES = 200
NEAREST = 10


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100_000)
    number = parser.parse_args().points
    pack = find_pack(DEFAULT_PACK)
    points = list(make_points(number, pack))
    print(machine())
    print(f"{number:,} points of {pack.stamp.dimension} values")
    with TemporaryDirectory() as folder:
        store = EdgeStore(Path(folder))
        for name in (COLLECTION, "alone"):
            store.create_collection(name, pack.stamp)
        ids = [each.id for each in points]
        _rate("upsert", points, lambda some: store.upsert(COLLECTION, some))
        _rate("upsert of what is there", points, lambda some: store.upsert(COLLECTION, some))
        _rate("look-up", ids, lambda some: store.look_up(COLLECTION, some, LOOK_UP_FIELDS))
        persons = store.find_collection(COLLECTION)
        assert persons is not None
        assert persons.num_persons == number
        store.close()
        _engine_alone(Path(folder, "alone"), points, pack.stamp)
        times, found = _queries(Path(folder, COLLECTION), points, pack.stamp)
    median, slowest = statistics.median(times), max(times)
    print(f"exact query: median {median:.2f} ms, slowest {slowest:.2f} ms, right {found}/{QUERIES}")


def make_points(number: int, pack: Pack) -> Iterator[Point]:
    """Gives points as a run stores them: random vectors, persons of their own."""
    marks, random = run_marks(Rules(), pack), np.random.default_rng(0)
    for n in range(number):
        digest = hashlib.sha256(f"{n}".encode()).hexdigest()
        person = Person(
            ref=RowRef("people.parquet", n, COLLECTION),
            person_id=f"EMP-{n:07}",
            person_name=f"First Second Family {n}",
            metadata={"department": f"D{n % 40}", "badge": f"{n:08}", "site": "Basel"},
            face_storage_type=FaceStorageType.NO_STORAGE,
            record_digest=digest,
            face_digest=digest[::-1],
        )
        face = Face((61.24, 70.5, 180.75, 221.375), np.zeros((5, 2), np.float32), 0.912345)
        vector = unit(random.standard_normal(pack.stamp.dimension).astype(np.float32))
        yield to_point(EmbeddedFace(person, face, vector, b""), marks, pack.stamp.dimension)


def _rate(name: str, items: Sequence[object], work: Callable[[Sequence[object]], object]) -> None:
    """Does the work on a batch after the other; prints how many items a second that makes."""
    batches = [items[n : n + BATCH_POINTS] for n in range(0, len(items), BATCH_POINTS)]
    began, began_cpu = time.perf_counter(), time.process_time()
    for each in batches:
        work(each)
    wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    print(
        f"{name}: {len(items) / wall:,.0f} a second; {len(items) / cpu:,.0f} a second of the "
        f"processor's, {cpu / len(items) * 1e6:.0f} us each",
        flush=True,
    )


def _engine_alone(folder: Path, points: Sequence[Point], stamp: Stamp) -> None:
    shard = EdgeShard.load(str(folder))
    theirs = [_edge_point(each, stamp) for each in points]
    _rate(
        "the engine alone",
        theirs,
        lambda some: shard.update(UpdateOperation.upsert_points(list(some))),  # type: ignore[arg-type]
    )
    shard.close()


def _edge_point(point: Point, stamp: Stamp) -> EdgePoint:
    return EdgePoint(point.id, {stamp.pack: point.vector.tolist()}, dict(point.payload))


def _queries(folder: Path, points: Sequence[Point], stamp: Stamp) -> tuple[list[float], int]:
    """Gives milliseconds, and how often the person whose vector it was came first."""
    shard = EdgeShard.load(str(folder))
    times, found = [], 0
    for point in points[:: max(1, len(points) // QUERIES)][:QUERIES]:
        request = _request(point.vector, stamp)
        began = time.perf_counter()
        hits = shard.search(request)
        times.append((time.perf_counter() - began) * 1e3)
        found += str(hits[0].id) == point.id
    shard.close()
    return times, found


def _request(vector: Vector, stamp: Stamp) -> SearchRequest:
    return SearchRequest(
        Query.Nearest(vector.tolist(), using=stamp.pack),
        limit=NEAREST,
        params=SearchParams(exact=True),
        with_payload=True,
    )


if __name__ == "__main__":
    main()
