"""Images in object stores, by a Beam filesystem that the test registers."""

import errno
import io

import pytest
from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileSystem
from hypothesis import given

from tests.transforms.test_face_files import (
    NOT_ALLOWED,
    NOT_FOUND,
    PHOTO,
    SECRET,
    TOO_MANY,
    make_tree,
    outcome,
    recorded,
    refusal,
    segments,
)
from transforms.face_files import FaceFiles


@pytest.fixture
def root(tmp_path):
    return make_tree(tmp_path)


class Faces(FileSystem):
    """Objects in memory under `faces://`, which Beam finds by itself."""

    objects: dict = {}  # noqa: RUF012  # by URI: bytes, or the error that is raised
    opened: list = []  # noqa: RUF012

    @classmethod
    def scheme(cls):
        return "faces"

    def open(self, path, mime_type="", compression_type=CompressionTypes.AUTO):
        assert compression_type == CompressionTypes.UNCOMPRESSED
        self.opened.append(path)
        found = self.objects.get(path, FileNotFoundError(path))
        if isinstance(found, Exception):
            raise found
        return io.BytesIO(found)

    def _unused(self, *arguments, **named):
        raise NotImplementedError

    join = split = mkdirs = has_dirs = _list = create = copy = rename = _unused
    exists = size = last_updated = checksum = metadata = delete = _unused


@pytest.fixture(autouse=True)
def objects(monkeypatch):
    """The objects that there are; a test adds its own."""
    held = {"faces://bucket/dir/a.jpg": PHOTO, "faces://bucket/secret.jpg": SECRET}
    monkeypatch.setattr(Faces, "objects", held)
    monkeypatch.setattr(Faces, "opened", [])
    return held


ALLOWED = FaceFiles(schemes=frozenset({"faces", "file", "nobody", "a_b", ""}))


def test_uris_of_allowed_schemes_are_read(objects, root):
    assert ALLOWED.read("faces://bucket/dir/a.jpg", str(root), len(PHOTO)) == PHOTO
    assert ALLOWED.read("FACES://bucket/dir/a.jpg", "faces://x", len(PHOTO)) == PHOTO
    objects["faces://bucket/a.gz"] = b"\x1f\x8b and so on"
    assert ALLOWED.read("faces://bucket/a.gz", str(root), 1000) == b"\x1f\x8b and so on"


@pytest.mark.parametrize(
    "uri",
    [
        "faces://bucket/dir/a.jpg",
        "Faces://bucket/dir/a.jpg",
        "file:///etc/passwd",
        "http://169.254.169.254/",
        "://a.jpg",
        " faces://bucket/dir/a.jpg",
        "sub/faces://bucket/dir/a.jpg",
        "faces://\0",
        "\ud800://a",
    ],
)
@pytest.mark.parametrize("folder", ["local", "faces://bucket/dir"])
def test_uris_of_other_schemes_are_not_allowed(root, uri, folder):
    files = FaceFiles(schemes=frozenset({"gs", "face", "faces+x"}))
    with recorded() as opened:
        assert refusal(uri, root if folder == "local" else folder, files) == NOT_ALLOWED
        assert refusal(uri, root if folder == "local" else folder) == NOT_ALLOWED
    assert opened == Faces.opened == []


@pytest.mark.parametrize(
    "uri",
    [
        "faces://bucket/none.jpg",
        "faces://",
        "faces://\0",
        "faces://\ud800",
        "faces://" + "x" * 4096,
        "file:///etc/passwd",
        "nobody://has/this",
    ],
)
def test_uris_of_nothing_are_not_found(root, uri):
    with recorded() as opened:
        assert refusal(uri, root, ALLOWED) == NOT_FOUND
    assert opened == []
    assert set(Faces.opened) <= {"faces://bucket/none.jpg", "faces://"}


@pytest.mark.parametrize("uri", ["a_b://../a.jpg", "://a.jpg", ":///etc/passwd"])
def test_schemes_that_beam_takes_for_local_paths_are_never_allowed(root, uri, monkeypatch):
    monkeypatch.chdir(root)
    for folder in ("a_b:", ":"):
        (root / folder).mkdir()
        (root / folder / "a.jpg").write_bytes(PHOTO)
    with recorded() as opened:
        assert refusal(uri, root, ALLOWED) == NOT_ALLOWED
    assert opened == []


def test_big_objects_are_read_no_further_than_the_limit(objects, monkeypatch, root):
    asked = []

    class Endless(io.RawIOBase):
        def read(self, size=-1):
            asked.append(size)
            return bytes(size)

    monkeypatch.setattr(Faces, "open", lambda *arguments: Endless())
    assert refusal("faces://bucket/big.jpg", root, ALLOWED) == TOO_MANY
    assert asked == [1001]


def with_marks(**marks):
    error = Exception("faces://bucket/x.jpg")
    error.__dict__.update(marks)
    return error


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("x"),
        PermissionError("x"),
        IsADirectoryError("x"),
        OSError(errno.ENOENT, "Not found: faces://bucket/x.jpg"),  # S3 and Azure
        ValueError("GCS path must be in the form gs://<bucket>/<object>."),
        with_marks(code=404),  # GCS
        with_marks(code=403),  # GCS and S3
        with_marks(status_code=403),  # Azure
        with_marks(exception="FileNotFoundException"),  # HDFS
        with_marks(exception="AccessControlException"),
    ],
)
def test_objects_that_are_not_there_or_not_for_us_are_not_found(objects, root, error):
    objects["faces://bucket/x.jpg"] = error
    assert refusal("faces://bucket/x.jpg", root, ALLOWED) == NOT_FOUND
    assert refusal("x.jpg", "faces://bucket") == NOT_FOUND


@pytest.mark.parametrize(
    "error",
    [
        BeamIOError("Unable to get the Filesystem", {"faces://bucket/x.jpg": RuntimeError()}),
        TimeoutError("x"),
        ConnectionResetError("x"),
        OSError("x"),
        with_marks(code=503),
        with_marks(code=429),
        with_marks(code=401),
        with_marks(code=None, status_code=500),
        with_marks(code=lambda: 404),
        with_marks(exception="StandbyException"),
    ],
)
def test_other_errors_of_an_object_store_go_through(objects, root, error):
    objects["faces://bucket/x.jpg"] = error
    for files, uri, folder in [
        (ALLOWED, "faces://bucket/x.jpg", str(root)),
        (FaceFiles(), "x.jpg", "faces://bucket"),
    ]:
        with pytest.raises(type(error)) as raised:
            files.read(uri, folder, 1000)
        assert raised.value is error


@pytest.mark.parametrize("uri", ["a.jpg", "./a.jpg", "b/../a.jpg", "b//..//a.jpg"])
@pytest.mark.parametrize(
    "folder", ["faces://bucket/dir", "faces://bucket/dir/", "FACES://bucket/dir"]
)
def test_relative_paths_below_a_uri_need_no_allowed_scheme(root, uri, folder):
    assert FaceFiles().read(uri, folder, 1000) == PHOTO
    assert FaceFiles(root=folder).read(uri, str(root), 1000) == PHOTO
    assert set(Faces.opened) == {"faces://bucket/dir/a.jpg"}


@pytest.mark.parametrize(
    "uri",
    [
        "..",
        "../secret.jpg",
        "b/../../secret.jpg",
        "./../dir/a.jpg",
        "/",
        "/a.jpg",
        "//bucket/dir/a.jpg",
    ],
)
def test_paths_that_climb_out_of_a_uri_are_not_allowed(uri):
    assert refusal(uri, "faces://bucket/dir") == NOT_ALLOWED
    assert refusal(uri, "faces://bucket/") == NOT_ALLOWED
    assert Faces.opened == []


@pytest.mark.parametrize("uri", ["", ".", "b/..", "a.jpg\0", "\ud800", "x" * 4097])
def test_paths_of_nothing_below_a_uri_are_not_found(uri):
    assert refusal(uri, "faces://bucket/dir") == NOT_FOUND
    assert Faces.opened == []


@pytest.mark.parametrize("uri", ["b.jpg", "a.jpg/b.jpg", "..a.jpg", "...", "A.JPG"])
def test_missing_objects_below_a_uri_are_not_found(uri):
    assert refusal(uri, "faces://bucket/dir") == NOT_FOUND
    assert Faces.opened == [f"faces://bucket/dir/{uri}"]


@given(segments)
def test_no_path_reads_an_object_outside(parts):
    uri = "/".join(parts)
    Faces.opened.clear()
    assert outcome(uri, "faces://bucket/dir") in (PHOTO, NOT_ALLOWED, NOT_FOUND)
    for each in Faces.opened:
        assert each.startswith("faces://bucket/dir/")
        assert ".." not in each.split("/")
