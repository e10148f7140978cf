import io
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from insightface.utils import storage

from schemas.errors import UsageError
from transforms.faces.insightface_folder import find_folder


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of this test alone, from which no network can be reached."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(storage, "MODEL_ZOO_RELEASE_DOWNLOAD_URL", "http://127.0.0.1:9/")
    return tmp_path / "home"


@contextmanager
def model_zoo(monkeypatch, **files):
    """Serves files in place of the library's own source."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = files.get(self.path.removeprefix("/").removesuffix(".zip"))
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_): ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(storage, "MODEL_ZOO_RELEASE_DOWNLOAD_URL", url)
        yield
        server.shutdown()


def zipped(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.onnx", text)
    return content.getvalue()


def test_a_folder_is_found_from_anywhere(tmp_path, monkeypatch, home):
    (tmp_path / "packs" / "mine").mkdir(parents=True)
    (home / "packs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert find_folder("packs/mine") == tmp_path / "packs" / "mine"
    assert find_folder(str(tmp_path / "packs")) == tmp_path / "packs"
    assert find_folder("~/packs") == home / "packs"


def test_a_name_is_a_folder_of_the_library(home):
    folder = home / ".insightface" / "models" / "buffalo_l"
    folder.mkdir(parents=True)
    assert find_folder("buffalo_l") == folder


def test_a_folder_here_goes_before_a_name(tmp_path, monkeypatch, home):
    """As in the library."""
    (home / ".insightface" / "models" / "buffalo_l").mkdir(parents=True)
    (tmp_path / "buffalo_l").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_folder("buffalo_l") == tmp_path / "buffalo_l"


@pytest.mark.parametrize("name", ["", "no/such", "./no", "../no", ".hidden", "a b", "~nobody/x"])
def test_what_is_neither_is_told(name, home):
    with pytest.raises(UsageError) as refused:
        find_folder(name)
    assert str(refused.value) == (
        f"pack insightface:{name}: no such folder; expected insightface:DIR, a folder with the "
        "pack's .onnx files, or insightface:NAME, as buffalo_l"
    )
    assert not home.exists()


def test_the_library_fetches_what_it_can(home, monkeypatch, capsys):
    with model_zoo(monkeypatch, buffalo_xs=zipped(det="a detector", rec="a recogniser")):
        folder = find_folder("buffalo_xs")
    assert folder == home / ".insightface" / "models" / "buffalo_xs"
    assert {each.name: each.read_text() for each in folder.iterdir()} == {
        "det.onnx": "a detector", "rec.onnx": "a recogniser",
    }  # fmt: skip
    assert [each.name for each in folder.parent.iterdir()] == ["buffalo_xs"]
    assert capsys.readouterr().out == ""
    assert find_folder("buffalo_xs") == folder  # without the source


@pytest.mark.parametrize(
    "content",
    [None, b"no zip file", zipped(det="a detector")[:-30]],
    ids=["missing", "no_zip", "cut_short"],
)
def test_what_cannot_be_fetched_is_told_and_leaves_nothing(home, monkeypatch, capsys, content):
    served = {} if content is None else {"buffalo_xs": content}
    with model_zoo(monkeypatch, **served), pytest.raises(UsageError) as refused:
        find_folder("buffalo_xs")
    folder = home / ".insightface" / "models" / "buffalo_xs"
    why = "RuntimeError" if content is None else "BadZipFile"
    assert str(refused.value) == (
        f"pack insightface:buffalo_xs: there is no folder {folder}, and the InsightFace library "
        f"could not download it ({why}); fetch buffalo_xs.zip of its model zoo where there is a "
        "network and unpack it there, or give a folder that holds the pack's .onnx files: "
        "--pack insightface:DIR"
    )
    assert list(folder.parent.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_without_a_network_the_same_is_told():
    with pytest.raises(UsageError, match=r"could not download it \(ConnectionError\)"):
        find_folder("buffalo_xs")
