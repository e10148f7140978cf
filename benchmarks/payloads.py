"""Payloads for benchmarks: the photos of one file, repeated under new ids."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.json_lines import json_line

GROUPS, ONE_GROUP, GZIP = "groups.parquet", "one.parquet", "lines.jsonl.gz"
FORMS = {
    GROUPS: "Parquet, row groups of 128",
    ONE_GROUP: "Parquet, one row group",
    GZIP: "JSONL, gzip",
}


def repeated(photos: Path, rows: int) -> pa.Table:
    """Gives so many rows of the photos in a Parquet file, in turn, each a person of its own."""
    images = pq.read_table(photos, columns=["face_base_64"]).column(0).combine_chunks()
    ids = [f"person-{number:07}" for number in range(rows)]
    return pa.table(
        {
            "person_id": ids,
            "person_name": [f"Name of {each}" for each in ids],
            "face_base_64": images.take(pa.array([n % len(images) for n in range(rows)])),
        }
    )


def write_form(table: pa.Table, path: Path) -> None:
    """Writes the rows in the form that the file's name tells."""
    if path.name.endswith(GZIP):
        with gzip.open(path, "wt", compresslevel=1) as file:
            file.writelines(json_line(row) + "\n" for row in _rows(table))
    else:
        size = table.num_rows if path.name.endswith(ONE_GROUP) else 128
        # As images are written: a dictionary of them would only hide that photos repeat here.
        pq.write_table(table, path, row_group_size=size, use_dictionary=False)


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=64):
        yield from batch.to_pylist()
