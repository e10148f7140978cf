"""Inputs and images on a filesystem that Beam's options tell how to reach, as S3 and HDFS."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.aws.clients.s3.messages import S3ClientError
from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.localfilesystem import LocalFileSystem
from apache_beam.options.pipeline_options import HadoopFileSystemOptions

from pipelines import filesystems
from pipelines.enroll import run
from pipelines.find_inputs import find_inputs
from pipelines.launch import beam_options
from schemas.errors import Code, RefusedError, UsageError
from tests.fakes import NullPack, NullStoreSpec
from tests.payloads import people, portraits, row, write_lines
from tests.pipelines.test_enroll import make_config
from transforms.inputs.found import Reading
from transforms.read_rows import _ReadFn
from transforms.run_state import RUN_STATE

HOST = "--hdfs_host=here"


class _Mounted(LocalFileSystem):
    """Local files as mounted:///...; like Beam's own for HDFS, it is nothing without its host."""

    def __init__(self, pipeline_options: Any) -> None:
        super().__init__(pipeline_options)
        if pipeline_options is None:
            raise ValueError("pipeline_options is not set")
        if pipeline_options.view_as(HadoopFileSystemOptions).hdfs_host != "here":
            raise ValueError("hdfs_host is not set")

    @classmethod
    def scheme(cls) -> str:
        return "mounted"

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        for each in super()._list(_local(dir_or_prefix)):
            yield FileMetadata(f"mounted://{each.path}", each.size_in_bytes)

    def exists(self, path: str) -> bool:
        return super().exists(_local(path))

    def size(self, path: str) -> int:
        return super().size(_local(path))

    def open(self, path: str, *how: Any, **more: Any) -> Any:
        return super().open(_local(path), *how, **more)


class _Objects(_Mounted):
    """Local files as objects:///...; like Beam's own for S3 and Google's, it knows no folders."""

    @classmethod
    def scheme(cls) -> str:
        return "objects"

    def has_dirs(self) -> bool:
        return False

    def exists(self, path: str) -> bool:
        return os.path.isfile(_local(path))

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        for folder, _, names in os.walk(os.path.dirname(_local(dir_or_prefix))):
            for name in names:
                yield FileMetadata(f"objects://{folder}/{name}", 0)


def _local(path: str) -> str:
    return path.rpartition("://")[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process that has run no pipeline yet, and a folder of rows and photos."""
    monkeypatch.setattr(FileSystems, "_pipeline_options", None)
    (tmp_path / "in").mkdir()
    write_lines(tmp_path / "in" / "people.jsonl", people(3))
    return tmp_path


def configured(folder: Path, *beam_options: str, **overrides: Any) -> Any:
    inputs = (f"mounted://{folder}/in/*.jsonl",)
    return make_config(folder, inputs=inputs, beam_options=beam_options, **overrides)


def test_a_folder_of_objects_is_read_with_all_below(folder: Path) -> None:
    FileSystems.set_options(beam_options([HOST], 1))
    below = folder / "in" / "day=2"
    below.mkdir()
    write_lines(below / "people.jsonl", people(3))
    (below / "_SUCCESS").touch()
    for argument in (f"objects://{folder}/in", f"objects://{folder}/in/"):
        found = find_inputs([argument])
        assert {each.path for each in found.files} == {
            f"objects://{below}/people.jsonl",
            f"objects://{folder}/in/people.jsonl",
        }
        assert found.skipped == (f"objects://{below}/_SUCCESS",)


@pytest.mark.parametrize("end", ["/in/", "/**", "/in/**/*.jsonl", "/i*/*.jsonl"])
def test_what_beam_would_not_look_into_is_refused(folder: Path, end: str) -> None:
    FileSystems.set_options(beam_options([HOST], 1))
    with pytest.raises(UsageError, match="Beam looks into one folder there, and not below"):
        find_inputs([f"mounted://{folder}{end}"])


def test_what_is_not_there_is_told_as_such(folder: Path) -> None:
    FileSystems.set_options(beam_options([HOST], 1))
    with pytest.raises(UsageError, match="no such file or folder"):
        find_inputs([f"mounted://{folder}/in/nobody.jsonl"])


def test_inputs_are_listed_and_read_with_beams_options(folder: Path) -> None:
    report = run(configured(folder, HOST), NullPack(), NullStoreSpec())
    assert (report.status, report.account.enrolled) == ("finished", 3)


@pytest.mark.parametrize("place", ["root", "uri"])
def test_images_are_read_with_beams_options(folder: Path, place: str) -> None:
    photos = folder / "photos"
    photos.mkdir()
    (photos / "one.jpg").write_bytes(portraits()[0])
    uri = "one.jpg" if place == "root" else f"mounted://{photos}/one.jpg"
    of_a_file = row("P", b"", face_base_64=None, face_uri=uri)
    write_lines(folder / "in" / "people.jsonl", [of_a_file])
    overrides: dict[str, Any] = (
        {"face_root": f"mounted://{photos}"} if place == "root" else {"face_schemes": ("mounted",)}
    )
    report = run(configured(folder, HOST, **overrides), NullPack(), NullStoreSpec())
    assert report.account.enrolled == 1


def test_what_a_filesystem_lacks_is_told(folder: Path) -> None:
    with pytest.raises(UsageError) as refused:
        run(configured(folder), NullPack(), NullStoreSpec())
    assert str(refused.value) == (
        f"input mounted://{folder}/in/*.jsonl: cannot be listed: hdfs_host is not set; what Beam "
        'needs for such a place stands in the README, "Input"'
    )


@pytest.mark.parametrize(
    ("overrides", "option", "scheme", "why"),
    [
        ({"face_root": "mounted://photos"}, "--face-root", "mounted", "hdfs_host is not set"),
        ({"face_schemes": ("s3",)}, "--face-schemes", "s3", "boto3 is not installed"),
        ({"face_schemes": ("gopher",)}, "--face-schemes", "gopher", "Unable to get filesystem"),
    ],
)
def test_schemes_that_beam_cannot_read_are_refused(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    overrides: dict[str, Any],
    option: str,
    scheme: str,
    why: str,
) -> None:
    monkeypatch.setattr(filesystems, "find_spec", lambda _: None)
    with pytest.raises(UsageError) as refused:
        run(make_config(folder, **overrides), NullPack(), NullStoreSpec())
    told = str(refused.value)
    assert told.startswith(f"{option}: Beam cannot read {scheme}://: {why}")
    assert told.endswith(
        '; expected some as gs, s3 or hdfs, with what Beam needs for it (README, "Input")'
    )
    assert not (folder / "run").exists()


@pytest.mark.parametrize("when", ["opened", "read"])
def test_a_file_that_s3_denies_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """What Beam raises then is no OSError."""

    def denied(*_: Any, **__: Any) -> Any:
        raise S3ClientError("Forbidden", 403)

    class Denied(io.BytesIO):
        read = denied

    opened = denied if when == "opened" else lambda *_, **__: Denied(b"{}")
    monkeypatch.setattr(_Mounted, "open", opened)
    with pytest.raises(RefusedError) as refused:
        run(configured(folder, HOST), NullPack(), NullStoreSpec())
    assert refused.value.code is Code.UNPROCESSABLE_CONTENT
    assert f"mounted://{folder}/in/people.jsonl" in refused.value.why


def test_a_pools_worker_is_told_how_filesystems_are_reached_without_keys(folder: Path) -> None:
    """Beam tells such a worker no options at all."""
    keys = ("--s3_access_key_id=K", "--s3_secret_access_key=S", "--s3_session_token=T")
    options = beam_options([HOST, "--s3_endpoint_url=http://here", *keys], 1)
    told = filesystems.filesystem_options(options)
    assert told == {"hdfs_host": "here", "s3_endpoint_url": "http://here"}
    _ReadFn(Reading(1), RUN_STATE.run, told).setup()
    assert FileSystems.match([f"mounted://{folder}/in/*.jsonl"])[0].metadata_list
