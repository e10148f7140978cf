import errno
import os
import socket
import sys
import threading
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from schemas.errors import Code, RejectedError
from transforms import face_files
from transforms.face_files import FaceFiles

PHOTO, SECRET = b"a photo", b"the secret of another"
NOT_ALLOWED, NOT_FOUND, TOO_MANY = "uri_not_allowed", "uri_not_found", "too_many_bytes"


def refusal(uri, folder, files=None, max_bytes=1000):
    with pytest.raises(RejectedError) as refused:
        (files or FaceFiles()).read(uri, str(folder), max_bytes)
    assert refused.value.code is Code.INVALID_IMAGE
    assert refused.value.args == (Code.INVALID_IMAGE, refused.value.detail)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    return refused.value.detail


def outcome(uri, folder):
    try:
        return FaceFiles().read(uri, str(folder), 1000)
    except RejectedError as error:
        return error.detail


def make_tree(base):
    """Makes a root with photos and links, and secrets beside it. Gives the root."""
    root = base / "root"
    (root / "sub" / "deep").mkdir(parents=True)
    for each in ("a.jpg", "sub/b.jpg", "sub/deep/c.jpg"):
        (root / each).write_bytes(PHOTO)
    (base / "secret.jpg").write_bytes(SECRET)
    for sibling in ("outside", "root2"):  # "root2" begins like the root
        (base / sibling).mkdir()
        (base / sibling / "secret.jpg").write_bytes(SECRET)
    for link, target in {
        "in.jpg": "sub/b.jpg",
        "in": "sub",
        "full.jpg": root / "a.jpg",
        "round.jpg": "../root/a.jpg",
        "out.jpg": "../secret.jpg",
        "full_out.jpg": base / "secret.jpg",
        "out": "../outside",
        "up": "..",
        "gone.jpg": "no such",
        "gone_out.jpg": "../no such",
        "loop": "loop",
        "twin1": "twin2",
        "twin2": "twin1",
        "zero.jpg": "/dev/zero",
    }.items():
        (root / link).symlink_to(target)
    return root


@pytest.fixture
def root(tmp_path):
    return make_tree(tmp_path)


_recorders = []


def _on_event(event, arguments):
    if event == "open":
        for opened in _recorders:
            opened.append(arguments[0])


sys.addaudithook(_on_event)  # for good: hooks cannot be taken away


@contextmanager
def recorded():
    """Collects all that this process opens by a path."""
    opened = []
    _recorders.append(opened)
    try:
        yield opened
    finally:
        _recorders.remove(opened)
        opened[:] = [os.fsdecode(each) for each in opened if not isinstance(each, int)]


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("a.jpg", id="beside"),
        pytest.param("sub/deep/c.jpg", id="below"),
        pytest.param("./sub//b.jpg", id="dots and slashes"),
        pytest.param("sub/../a.jpg", id="up and down inside"),
        pytest.param("no such/../a.jpg", id="up from what is not there"),
        pytest.param("../root/a.jpg", id="out and in again"),
        pytest.param("in.jpg", id="a link to a file"),
        pytest.param("in/deep/c.jpg", id="a link to a folder"),
        pytest.param("in/../a.jpg", id="up from a linked folder"),
        pytest.param("full.jpg", id="an absolute link"),
        pytest.param("round.jpg", id="a link out and in again"),
        pytest.param("up/root/a.jpg", id="through a link out and in again"),
    ],
)
def test_files_inside_the_root_are_read(root, uri):
    with recorded() as opened:
        assert FaceFiles().read(uri, str(root), 1000) == PHOTO
    assert opened == [os.path.realpath(root / uri.replace("no such/../", ""))]


def test_names_are_taken_as_they_are(root):
    for name in ("é %2e\\..\n.jpg", " a.jpg ", "~", "$HOME", "file:x", "*"):
        (root / name).write_bytes(name.encode())
        assert FaceFiles().read(name, str(root), 1000) == name.encode()


@pytest.mark.parametrize(
    "uri",
    [
        "../secret.jpg",
        "..",
        "sub/../../secret.jpg",
        "../root2/secret.jpg",
        "../no such.jpg",
        "out.jpg",
        "full_out.jpg",
        "out/secret.jpg",
        "out/no such.jpg",
        "out",
        "in/../../secret.jpg",
        "up/secret.jpg",
        "gone_out.jpg",
        "zero.jpg",
        "/dev/zero",
        "/",
        "//",
        "/no such.jpg",
        "/\0",
        "../" * 60 + "etc/passwd",
    ],
)
def test_what_lies_outside_is_not_allowed(root, uri):
    with recorded() as opened:
        assert refusal(uri, root) == NOT_ALLOWED
    assert opened == []


def test_absolute_paths_into_the_root_are_not_allowed(root):
    assert refusal(str(root / "a.jpg"), root) == NOT_ALLOWED


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("no such.jpg", id="missing"),
        pytest.param("no such/a.jpg", id="in a missing folder"),
        pytest.param("gone.jpg", id="a link to what is missing"),
        pytest.param("a.jpg/b.jpg", id="below a file"),
        pytest.param("sub", id="a folder"),
        pytest.param("in", id="a link to a folder"),
        pytest.param(".", id="the root"),
        pytest.param("../root", id="the root by its name"),
        pytest.param("", id="empty"),
        pytest.param("a.jpg\0", id="NUL"),
        pytest.param("\0", id="NUL alone"),
        pytest.param("x" * 256, id="a name too long"),
        pytest.param("./" * 3000 + "a.jpg", id="a path too long"),
        pytest.param("x" * 50_000_000, id="far too long"),
        pytest.param("loop", id="a loop"),
        pytest.param("loop/a.jpg", id="below a loop"),
        pytest.param("twin1", id="a loop of two"),
        pytest.param("loop/../out/secret.jpg", id="a link that leads out, behind a loop"),
        pytest.param("loop/../out.jpg", id="a file's link that leads out, behind a loop"),
        pytest.param("\ud800.jpg", id="a lone surrogate"),
        pytest.param("\udcff.jpg", id="a surrogate that stands for a byte"),
    ],
)
def test_what_is_no_readable_file_is_not_found(root, uri):
    (root / os.fsdecode(b"\xff.jpg")).write_bytes(PHOTO)
    with recorded() as opened:
        told = refusal(uri, root)
    # From Python 3.13 on, it is known where a way behind a loop leads.
    assert told == NOT_FOUND or ("loop/.." in uri and told == NOT_ALLOWED)
    assert opened == []


@pytest.mark.parametrize("uri", ["fifo", "link to fifo", "socket", "device"])
def test_what_is_no_regular_file_is_never_opened(root, uri, monkeypatch):
    os.mkfifo(root / "fifo")
    (root / "link to fifo").symlink_to("fifo")
    monkeypatch.chdir(root)  # the address of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        if uri == "device":
            try:
                os.mknod("device", 0o20666, os.makedev(1, 5))
            except PermissionError:
                pytest.skip("needs the right to make devices")
        with recorded() as opened:
            assert refusal(uri, root) == NOT_FOUND
        assert opened == []


def test_devices_below_the_root_are_not_found():
    for name in ("zero", "null", "../dev/zero"):
        assert refusal(name, "/dev") == NOT_FOUND
    assert refusal("dev/zero", "/") == NOT_FOUND


def test_missing_roots_hold_no_files(tmp_path):
    assert refusal("a.jpg", tmp_path / "no such") == NOT_FOUND
    assert refusal("../a.jpg", tmp_path / "no such") == NOT_ALLOWED


def test_the_root_goes_before_the_folder_of_the_input_file(root):
    files = FaceFiles(root=str(root / "sub"))
    assert files.read("b.jpg", str(root), 1000) == PHOTO
    assert refusal("a.jpg", root, files) == NOT_FOUND
    assert refusal("../a.jpg", root, files) == NOT_ALLOWED


def test_a_relative_root(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    for name in ("root", "./root/", "outside/../root"):
        assert FaceFiles(root=name).read("sub/b.jpg", "/no such", 1000) == PHOTO
        assert refusal("../secret.jpg", "/no such", FaceFiles(root=name)) == NOT_ALLOWED


def test_a_root_that_is_a_link(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    for folder in (tmp_path / "link", tmp_path / "link" / "in"):
        assert FaceFiles().read("deep/../../root/a.jpg", str(root), 1000) == PHOTO
        assert refusal("../../outside/secret.jpg", folder) == NOT_ALLOWED
    assert FaceFiles(root=str(tmp_path / "link")).read("in.jpg", "", 1000) == PHOTO
    assert FaceFiles(root=str(tmp_path / "link" / "in")).read("b.jpg", "", 1000) == PHOTO
    assert refusal("../a.jpg", tmp_path / "link" / "in") == NOT_ALLOWED


def test_all_of_the_disk_as_root(root):
    assert FaceFiles(root="/").read(str(root / "a.jpg")[1:], "", 1000) == PHOTO
    assert refusal(str(root / "a.jpg"), "/") == NOT_ALLOWED


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_are_not_found(root):
    (root / "a.jpg").chmod(0)
    assert refusal("a.jpg", root) == NOT_FOUND
    (root / "sub").chmod(0)
    try:
        assert refusal("sub/b.jpg", root) == NOT_FOUND
    finally:
        (root / "sub").chmod(0o700)


def fail(number):
    def failing(*arguments, **named):
        raise OSError(number, os.strerror(number), "a.jpg")

    return failing


@pytest.mark.parametrize("call", ["open", "lstat"])
@pytest.mark.parametrize(
    "number", [errno.EACCES, errno.EPERM, errno.ENOENT, errno.ELOOP, errno.EINVAL]
)
def test_files_that_the_system_refuses_are_not_found(root, monkeypatch, call, number):
    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail(number))
        assert refusal("a.jpg", root) == NOT_FOUND


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ENOMEM, errno.ESTALE])
def test_trouble_of_the_system_goes_through(root, monkeypatch, number):
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", fail(number))
        with pytest.raises(OSError) as raised:  # noqa: PT011
            FaceFiles().read("a.jpg", str(root), 1000)
    assert raised.value.errno == number


def test_the_limit_of_bytes(root, monkeypatch):
    assert FaceFiles().read("a.jpg", str(root), len(PHOTO)) == PHOTO
    (root / "empty.jpg").touch()
    assert FaceFiles().read("empty.jpg", str(root), 0) == b""
    monkeypatch.setattr(face_files, "open", None, raising=False)  # nothing is read any more
    os.truncate(root / "a.jpg", 1 << 40)  # sparse
    assert refusal("a.jpg", root) == TOO_MANY
    assert refusal("sub/b.jpg", root, max_bytes=len(PHOTO) - 1) == TOO_MANY


def test_files_that_grow_are_read_no_further_than_the_limit(root, monkeypatch):
    before = os.stat(root / "a.jpg")
    os.truncate(root / "a.jpg", 1 << 40)
    monkeypatch.setattr(os, "fstat", lambda descriptor: before)
    assert refusal("a.jpg", root) == TOO_MANY


def hide_proc(monkeypatch):
    def readlink(path, **named):
        return fail(errno.ENOENT)() if str(path).startswith("/proc") else os_readlink(path, **named)

    os_readlink = os.readlink
    monkeypatch.setattr(os, "readlink", readlink)


@pytest.mark.parametrize("has_proc", [True, False])
@pytest.mark.parametrize("swap", ["file", "link", "folder", "FIFO"])
def test_files_swapped_before_they_are_opened_are_not_read(root, monkeypatch, swap, has_proc):
    def swap_and_open(path, flags):
        assert flags == os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        if swap == "folder":  # the same file by way of the link, and for `lstat` too
            (root / "sub").rename(root / "was")
            (root / "sub").symlink_to(root / "was")
        elif swap == "FIFO":
            (root / "sub/b.jpg").unlink()
            os.mkfifo(root / "sub/b.jpg")
        else:
            (root / "sub/b.jpg").unlink()
            put = os.link if swap == "file" else os.symlink
            put(root.parent / "secret.jpg", root / "sub/b.jpg")
        return os_open(path, flags)

    os_open = os.open
    monkeypatch.setattr(os, "open", swap_and_open)
    if not has_proc:
        hide_proc(monkeypatch)
    assert refusal("sub/b.jpg", root) == NOT_FOUND


def test_files_are_read_without_proc(root, monkeypatch):
    hide_proc(monkeypatch)
    assert FaceFiles().read("in.jpg", str(root), 1000) == PHOTO


def test_no_descriptor_is_left_open(root):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        FaceFiles().read("in.jpg", str(root), 1000)
        for uri in ("zero.jpg", "sub", "no such"):
            refusal(uri, root)
        refusal("a.jpg", root, max_bytes=1)
    assert len(os.listdir("/proc/self/fd")) == before


def test_folders_swapped_all_the_time(root):
    """No secret is given while another thread plays with the folders."""
    (root / "play").mkdir()
    (root / "play" / "secret.jpg").write_bytes(PHOTO)
    done = threading.Event()

    def swap():
        while not done.is_set():
            (root / "play").rename(root / "aside")
            (root / "play").symlink_to("../outside")
            (root / "play").unlink()
            (root / "aside").rename(root / "play")

    player = threading.Thread(target=swap)
    player.start()
    try:
        outcomes = {outcome("play/secret.jpg", root) for _ in range(3000)}
    finally:
        done.set()
        player.join()
    assert outcomes <= {PHOTO, NOT_FOUND, NOT_ALLOWED}


LINKS = ("in", "out", "up", "loop", "twin1", "in.jpg", "out.jpg", "full_out.jpg", "gone_out.jpg")
NAMES = ("", ".", "..", "root", "root2", "sub", "deep", "outside", "a.jpg", "secret.jpg", "no such")
segments = st.lists(st.sampled_from(NAMES + LINKS) | st.text(max_size=3), max_size=9)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=500)
@given(segments, st.sampled_from(["/", "//", "/./"]))
@example(["loop", "..", "out", "secret.jpg"], "/")
@example(["loop", "..", "tricky"], "/")
def test_no_path_reads_a_file_outside(tmp_path, parts, separator):
    root = tmp_path / "root"
    if not root.exists():
        make_tree(tmp_path)
        (root / "tricky").symlink_to("loop/../out/secret.jpg")
    uri = separator.join(parts)
    with recorded() as opened:
        assert outcome(uri, root) in (PHOTO, NOT_ALLOWED, NOT_FOUND)
    top = os.path.realpath(root)
    assert all(os.path.realpath(each).startswith(top + "/") for each in opened)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_text_is_answered(tmp_path, uri):
    for folder in (str(tmp_path), "faces://bucket/dir"):
        assert refusal(uri, folder) in (NOT_ALLOWED, NOT_FOUND)
