"""Hostile input through the real command: the small cases, all at once, among good rows.

`python -m tests.soak.hostile` has the large ones as well, and the limits on time and memory.
"""

from pathlib import Path

from schemas.errors import RejectedError
from tests.command import Muster
from tests.corpus import broken, files
from tests.corpus.case import invalid
from tests.corpus.check import wrong
from tests.corpus.make import cases, write_corpus
from tests.payloads import people, write_lines
from transforms.imaging import checked_size, decode


def test_every_case_ends_as_it_must(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    corpus = tmp_path / "corpus"
    expected = write_corpus(corpus)
    good = write_lines(tmp_path / "good.jsonl", people(8))
    expected[str(good)] = [("OK", "enrolled")] * 8
    assert sum(map(len, expected.values())) > 500

    ended = muster.enroll("run", *expected, "--multiple-faces", "center")

    assert ended.code == 1, ended.stderr  # for some files are damaged
    assert wrong(muster.records("run"), expected) == []
    assert "ERR_INTERNAL_ERROR" not in ended.json["rejected"]
    rows = sum(map(len, expected.values()))
    assert ended.json["rows_read"] == rows == muster.report("run")["account"]["rows_read"]


def test_there_are_as_many_as_promised() -> None:
    names = [case.name for of_class in cases().values() for case in of_class]
    assert len(names) == len(set(names))
    assert len(names) + len(files.files()) + len(files.refused()) > 350


def test_files_that_are_refused(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    for file in files.refused():
        path = tmp_path / file.name
        path.write_bytes(file.content)

        ended = muster.enroll("run", path)

        assert ended.code == 4, file.name
        assert ended.json["code"] == "ERR_UNPROCESSABLE_CONTENT"
        assert file.name in ended.stderr
        assert not (tmp_path / "run").exists()


def test_bits_flipped_anywhere_are_never_an_error() -> None:
    """What comes of them is the decoder's affair: pixels, or a reason."""
    reasons = {invalid(each) for each in ("truncated", "not_an_image", "too_many_pixels")}
    met = {_end(image) for image in broken.noise(300)}
    assert len(met) > 1
    assert met <= reasons | {("OK", "")}


def _end(image: bytes) -> tuple[str, str]:
    try:
        checked_size(image, 1_000_000)
        decode(image)
    except RejectedError as error:
        return error.code, error.detail
    return "OK", ""
