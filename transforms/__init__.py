"""What is done to one element: thin PTransforms over plain functions that know nothing of Beam."""

import os
import sys

# Arrow looks when it is imported: this comes before. Its own allocator reserves a gigabyte of
# addresses, which a limit on memory counts; the system's keeps freed pages of Parquet, of 20 MB and
# more, for the thread that freed them. jemalloc gives both back, in 0.1 s.
os.environ.setdefault(
    "ARROW_DEFAULT_MEMORY_POOL", "jemalloc" if sys.platform == "linux" else "system"
)
os.environ.setdefault("JE_ARROW_MALLOC_CONF", "retain:false,dirty_decay_ms:100")
