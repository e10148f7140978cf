"""Stores that benchmarks enroll into."""

from schemas.stamp import Stamp
from transforms.stores.base import StoreSpec
from transforms.stores.connect import connected, store_spec


def fresh_store(location: str, collection: str, stamp: Stamp) -> StoreSpec:
    """Makes the collection in the store at a URL or in a folder, and leaves the store closed."""
    spec = store_spec(location)
    with connected(spec) as store:
        store.create_collection(collection, stamp)
    return spec
