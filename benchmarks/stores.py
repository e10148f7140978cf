"""The embedded store: writing whole points, looking them up, and finding who is most like a face.

    python -m benchmarks.stores [--points 100000]

Points are made by `to_points`, with all that a run stores but an image, and written by the store as
the pipeline does: one thread, 64 points at a time. `the engine alone` writes them through Qdrant
Edge itself, from objects that it was given before. The query goes through the engine as well, on
the collection that the store made: exact, over all vectors, the nearest ten with their payload.
The processor's time is shown beside the wall's, which other programs lengthen, and what a loop of
plain Python took meanwhile.
"""

import argparse
import hashlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from qdrant_edge import EdgeShard, Query, SearchParams, SearchRequest, UpdateOperation
from qdrant_edge import Point as EdgePoint

from benchmarks.machine import machine, plain_python, plain_python_ms
from benchmarks.payloads import COLLECTION
from schemas.ids import point_id
from schemas.options import DEFAULT_PACK, FaceStorageType, Rules
from schemas.records import EmbeddedFace, Face, Person, RowRef, Vector
from schemas.stamp import Stamp
from transforms.embed_faces import unit
from transforms.faces.base import Pack
from transforms.faces.catalogue import find_pack
from transforms.points import LOOK_UP_FIELDS, run_marks, to_points
from transforms.stores.base import Point
from transforms.stores.edge import EdgeStore
from transforms.upsert_persons import BATCH_POINTS

QUERIES = 200
NEAREST = 10
PLAIN_EVERY = 100 * BATCH_POINTS  # points: often enough to see the machine change

T = TypeVar("T")


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100_000)
    number = parser.parse_args().points
    pack = find_pack(DEFAULT_PACK)
    print(machine())
    print(f"{number:,} points of {pack.stamp.dimension} values")
    with TemporaryDirectory() as folder:
        store = EdgeStore(Path(folder))
        for name in (COLLECTION, "alone"):
            store.create_collection(name, pack.stamp)
        for what in ("upsert", "upsert of what is there"):
            points = make_points(number, pack)
            _rate(what, points, lambda some: store.upsert(COLLECTION, some))
        ids = (point_id(person_id(n)) for n in range(number))
        _rate("look-up", ids, lambda some: store.look_up(COLLECTION, some, LOOK_UP_FIELDS))
        persons = store.find_collection(COLLECTION)
        assert persons is not None
        assert persons.num_persons == number
        store.close()
        shard = EdgeShard.load(str(Path(folder, "alone")))
        theirs = (_edge_point(each, pack.stamp) for each in make_points(number, pack))
        _rate("the engine alone", theirs, lambda some: _update(shard, some))
        shard.close()
        sample = islice(make_points(number, pack), 0, None, max(1, number // QUERIES))
        _queries(Path(folder, COLLECTION), list(sample), pack.stamp)


def person_id(number: int) -> str:
    """Gives the id of the n-th person."""
    return f"EMP-{number:07}"


def make_points(number: int, pack: Pack) -> Iterator[Point]:
    """Gives points as a run stores them: random vectors, persons of their own."""
    marks, random = run_marks(Rules(), pack), np.random.default_rng(0)
    for n in range(number):
        digest = hashlib.sha256(f"{n}".encode()).hexdigest()
        person = Person(
            ref=RowRef("people.parquet", n, COLLECTION),
            person_id=person_id(n),
            person_name=f"First Second Family {n}",
            metadata={"department": f"D{n % 40}", "badge": f"{n:08}", "site": "Basel"},
            face_storage_type=FaceStorageType.NO_STORAGE,
            record_digest=digest,
            face_digest=digest[::-1],
        )
        face = Face((61.24, 70.5, 180.75, 221.375), np.zeros((5, 2), np.float32), 0.912345)
        vector = unit(random.standard_normal(pack.stamp.dimension).astype(np.float32))
        yield from to_points([EmbeddedFace(person, face, vector, b"")], marks)


def _rate(name: str, items: Iterator[T], work: Callable[[Sequence[T]], object]) -> None:
    """Does the work on a batch after the other; prints how many items a second that makes.

    Batches are made between, off the clock: to hold all of them would make Python's collector
    go through them time and again.
    """
    number, wall, cpu, plain_ms = 0, 0.0, 0.0, []
    while batch := list(islice(items, BATCH_POINTS)):
        if number % PLAIN_EVERY == 0:
            plain_ms.append(plain_python_ms())
        began, began_cpu = time.perf_counter(), time.process_time()
        work(batch)
        wall += time.perf_counter() - began
        cpu += time.process_time() - began_cpu
        number += len(batch)
    print(
        f"{name}: {number / wall:,.0f} a second; {number / cpu:,.0f} a second of the "
        f"processor's, {cpu / number * 1e6:.0f} us each; {plain_python(plain_ms)}",
        flush=True,
    )


def _update(shard: EdgeShard, points: Sequence[EdgePoint]) -> None:
    shard.update(UpdateOperation.upsert_points(list(points)))


def _edge_point(point: Point, stamp: Stamp) -> EdgePoint:
    return EdgePoint(point.id, {stamp.pack: point.vector.tolist()}, dict(point.payload))


def _queries(folder: Path, points: Sequence[Point], stamp: Stamp) -> None:
    """Looks for persons by their own vectors; prints how long, and how often they came first."""
    shard = EdgeShard.load(str(folder))
    plain_ms = [plain_python_ms()]
    times, found, began_cpu = [], 0, time.process_time()
    for point in points:
        request = _request(point.vector, stamp)
        began = time.perf_counter()
        hits = shard.search(request)
        times.append((time.perf_counter() - began) * 1e3)
        found += str(hits[0].id) == point.id
    cpu = (time.process_time() - began_cpu) / len(times) * 1e3
    plain_ms.append(plain_python_ms())
    shard.close()
    print(
        f"exact query: median {statistics.median(times):.2f} ms, slowest {max(times):.2f} ms, "
        f"{cpu:.2f} ms of the processor's; right {found} of {len(times)}; {plain_python(plain_ms)}"
    )


def _request(vector: Vector, stamp: Stamp) -> SearchRequest:
    return SearchRequest(
        Query.Nearest(vector.tolist(), using=stamp.pack),
        limit=NEAREST,
        params=SearchParams(exact=True),
        with_payload=True,
    )


if __name__ == "__main__":
    main()
