from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.peers.payload import write_payload
from pipelines.sample import write_sample


def test_photos_are_used_again_under_new_ids(tmp_path: Path):
    [source, _] = write_sample(tmp_path)
    faces = pq.read_table(source)["face_base_64"].to_pylist()

    write_payload(source, tmp_path / "photos.parquet", 300)

    written = pq.ParquetFile(tmp_path / "photos.parquet")
    rows = written.read().to_pydict()
    assert list(rows) == ["person_id", "person_name", "face_base_64"]
    assert rows["person_id"] == [f"peer-{n:07}" for n in range(300)]
    assert rows["face_base_64"] == [faces[n % len(faces)] for n in range(300)]
    groups = [written.metadata.row_group(n).num_rows for n in range(written.num_row_groups)]
    assert groups == [128, 128, 44]
