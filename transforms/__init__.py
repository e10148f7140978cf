"""What is done to one element: thin PTransforms over plain functions that know nothing of Beam."""

import os

# Arrow's own allocator reserves a gigabyte of addresses, which a limit on memory counts. It looks
# when it is imported: this comes before.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
