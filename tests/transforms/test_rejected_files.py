"""Of inputs that are gone or damaged when a row is kept; test_keep_rejected.py has the rest."""

import gzip
from pathlib import Path

import pytest

from schemas.records import FilePiece, RowRef
from transforms.rejected_files import RejectedFiles

WHOLE = b"one large line" * 200_000


def ref(raw: object) -> RowRef:
    return RowRef("in.jsonl", 0, "people", raw=raw)


@pytest.mark.parametrize("content", [None, gzip.compress(WHOLE)[:-2000]], ids=["gone", "cut"])
def test_a_row_whose_input_cannot_be_read_again_is_not_kept(
    tmp_path: Path, content: bytes | None
) -> None:
    source, kept = tmp_path / "in.jsonl.gz", tmp_path / "kept"
    kept.mkdir()
    if content is not None:
        source.write_bytes(content)
    files = RejectedFiles(kept)
    files.add(ref(b"before"))
    files.add(ref(FilePiece(str(source), 0, len(WHOLE))))
    files.add(ref(b"behind"))
    files.close()
    [file] = kept.iterdir()
    assert file.read_bytes() == b"before\nbehind\n"


def test_what_stands_around_a_large_person_is_one_line_too(tmp_path: Path) -> None:
    source, kept = tmp_path / "in.json", tmp_path / "kept"
    kept.mkdir()
    source.write_bytes(b"{\n1}")
    files = RejectedFiles(kept)
    assert files.add(ref(FilePiece(str(source), 0, 4, b'{"face_storage_type": [\n], [', b"]}")))
    files.close()
    [file] = kept.iterdir()
    assert file.read_bytes() == b'{"face_storage_type": [ ], [{ 1}]}\n'
