"""The jobs of `muster collections` and `muster persons`."""

from collections.abc import Sequence
from typing import Any

from pipelines.preflight import existing, opened
from schemas.errors import Code, RefusedError
from schemas.ids import check_collection_name, is_person_id, point_id
from transforms.faces.catalogue import find_pack
from transforms.stores.base import Collection
from transforms.stores.connect import store_spec

# Somebody waits for these at a terminal: a store that is away is told at once.
_RETRY_FOR_S = 0.0


def create(store: str, name: str, pack: str) -> dict[str, Any]:
    """Makes an empty collection for a pack's vectors."""
    check_collection_name(name)
    stamp = find_pack(pack).stamp
    with opened(store_spec(store, _RETRY_FOR_S)) as handle:
        if handle.find_collection(name, count=False) is not None:
            raise RefusedError(
                Code.ALREADY_EXISTS,
                f"collection {name!r} exists in {store}; use it, or delete it first",
            )
        handle.create_collection(name, stamp)
        return _shown(existing(handle, name, store, count=True))


def show(store: str, name: str) -> dict[str, Any]:
    """Gives one collection."""
    check_collection_name(name)
    with opened(store_spec(store, _RETRY_FOR_S)) as handle:
        return _shown(existing(handle, name, store, count=True))


def list_all(store: str) -> Sequence[dict[str, Any]]:
    """Gives all collections of the store."""
    with opened(store_spec(store, _RETRY_FOR_S)) as handle:
        return [_shown(each) for each in handle.list_collections()]


def delete(store: str, name: str) -> dict[str, Any]:
    """Removes the collection and its persons; gives the number left, 0."""
    check_collection_name(name)
    with opened(store_spec(store, _RETRY_FOR_S)) as handle:
        existing(handle, name, store)
        handle.delete_collection(name)
        return {"name": name, "num_persons": 0}


def optimize(store: str, name: str) -> dict[str, Any]:
    """Builds the collection's index now."""
    check_collection_name(name)
    with opened(store_spec(store, _RETRY_FOR_S)) as handle:
        existing(handle, name, store)
        handle.optimize_collection(name)
        return _shown(existing(handle, name, store, count=True))


def get_person(store: str, collection: str, person_id: str) -> dict[str, Any]:
    """Gives all that is stored of a person: the payload, the point's id and its vector."""
    check_collection_name(collection)
    with opened(store_spec(store, _RETRY_FOR_S)) as handle:
        existing(handle, collection, store)
        point = handle.get(collection, point_id(person_id)) if is_person_id(person_id) else None
        if point is None:
            raise RefusedError(
                Code.NOT_FOUND, f"collection {collection!r} holds no person of this id"
            )
        vector = [float(each) for each in point.vector]
        return {**point.payload, "point_id": point.id, "vector": vector}


def _shown(collection: Collection) -> dict[str, Any]:
    return {"name": collection.name, "num_persons": collection.num_persons}
