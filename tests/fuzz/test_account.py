"""The closed account, for any input: each row ends once, and as the rules say."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from pipelines.config import EnrollConfig
from pipelines.enroll import run
from schemas.options import FaceStorageType, MultipleFaces, OnDuplicateId, Rules
from tests.command import read_records
from tests.fuzz.account import actual_records, enrolled, expected_records, needs_collection
from tests.fuzz.doubles import CountingStore, CountingStoreSpec, WidthPack
from tests.fuzz.effort import effort
from tests.fuzz.inputs import COLLECTION, DAMAGE, InputFile, jobs, write
from tests.fuzz.verdicts import (
    DUPLICATE,
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
    MAX_ROW_BYTES,
    OK,
    images,
)
from transforms.stores.connect import connected


@effort(20)
@given(
    files=jobs(),
    workers=st.sampled_from([1, 2, 4]),
    policy=st.sampled_from(OnDuplicateId),
    multiple_faces=st.sampled_from(MultipleFaces),
    storage=st.sampled_from(FaceStorageType),
    keep_rejected=st.booleans(),
    limit=st.sampled_from([None, None, 1, 5, 70]),
)
def test_each_row_ends_once_and_as_the_rules_say(
    files: list[InputFile],
    workers: int,
    policy: OnDuplicateId,
    multiple_faces: MultipleFaces,
    storage: FaceStorageType,
    keep_rejected: bool,
    limit: int | None,
) -> None:
    limit = limit if all(each.limitable for each in files) else None
    has_rows = needs_collection(files)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "face.jpg").write_bytes(images()["JPEG"])
        config = EnrollConfig(
            inputs=write(folder, files),
            run_dir=str(folder / "run"),
            collection=COLLECTION if has_rows else None,
            face_storage_type=storage if has_rows else None,
            workers=workers,
            rules=Rules(multiple_faces, MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS),
            max_row_bytes=MAX_ROW_BYTES,
            on_duplicate_id=policy,
            keep_rejected=keep_rejected,
            limit=limit,
        )
        spec = CountingStoreSpec()
        with connected(spec) as store:
            report = run(config, WidthPack(), spec)
        records = read_records(folder / "run")
        kept = num_kept(folder / "run" / "rejected")

    expected = expected_records(files, policy, multiple_faces, limit)
    assert actual_records(records, policy) == expected
    assert isinstance(store, CountingStore)
    assert store.written == enrolled(expected)
    account = report.account
    assert account.rows_read == expected.total() == account.enrolled + account.num_rejected
    assert report.error == ""
    not_kept = [(OK, ""), DAMAGE]
    rejects = [each for each in expected.elements() if each[-2:] not in not_kept]
    assert kept == keep_rejected * sum(each[-2] != DUPLICATE for each in rejects)


def num_kept(folder: Path) -> int:
    """Gives how many rows and bodies of one person were kept."""
    lines = sum(each.read_bytes().count(b"\n") for each in folder.glob("*.jsonl"))
    return lines + sum(pq.read_metadata(each).num_rows for each in folder.glob("*.parquet"))
