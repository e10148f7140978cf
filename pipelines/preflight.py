"""Checks the store and the collection before any image is touched."""

import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from schemas.errors import Code, RefusedError
from schemas.options import DEFAULT_PACK
from schemas.stamp import Stamp
from transforms.stores.base import Collection, Store, StoreError, StoreSpec
from transforms.stores.connect import connected


@contextmanager
def opened(spec: StoreSpec) -> Iterator[Store]:
    """Opens the store for the block; what it cannot do becomes a refusal."""
    try:
        with connected(spec) as store:
            yield store
    except StoreError as error:
        raise RefusedError(error.code, error.why) from error


def existing(
    store: Store, name: str, location: str, *, pack: str = DEFAULT_PACK, count: bool = False
) -> Collection:
    """Gives the collection, or refuses: enrolling never creates one.

    location: the store's. pack: the one to make it for. count: whether its persons are counted.
    """
    collection = store.find_collection(name, count=count)
    if collection is None:
        of_pack = "" if pack == DEFAULT_PACK else f" --pack {shlex.quote(pack)}"
        raise RefusedError(
            Code.NOT_FOUND,
            f"no collection {name!r} in {location}; make it with: muster collections create {name} "
            f"--store {shlex.quote(location)}" + of_pack,
        )
    return collection


def bodies_into(store: Store, names: Iterable[str], stamp: Stamp) -> dict[str, Code | None]:
    """Gives those of the collections that exist, with why bodies for them are refused, if so."""
    found = {name: store.find_collection(name, count=False) for name in names}
    return {
        name: None if collection.stamp == stamp else Code.MODEL_MISMATCH
        for name, collection in found.items()
        if collection is not None
    }


def check_stamp(collection: Collection, stamp: Stamp, location: str, pack: str) -> None:
    """Refuses a collection that holds another model's vectors.

    location: the store's. pack: the name to ask for it by.
    """
    if collection.stamp == stamp:
        return
    seen = collection.stamp
    made_by = (
        "something other than Muster"
        if seen is None
        else f"pack {seen.pack} (digest {seen.digest[:12]})"
    )
    raise RefusedError(
        Code.MODEL_MISMATCH,
        f"collection {collection.name!r} was made by {made_by}, this run uses pack {stamp.pack} "
        f"(digest {stamp.digest[:12]}); enroll with the pack that made it, or into a collection of "
        f"this pack: muster collections create NEW_NAME --pack {shlex.quote(pack)} "
        f"--store {shlex.quote(location)}",
    )
