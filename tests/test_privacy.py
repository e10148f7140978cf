"""Canaries of a person are enrolled in every way, and looked for in everything that is written."""

import base64
import io
import json
import logging
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
from PIL import Image

import pipelines.collections
import pipelines.enroll
from pipelines.enroll import compose, prepared
from tests import qdrant_server
from tests.builders import write_parquet
from tests.command import COLLECTION, Finished, Muster, stored_persons
from tests.fakes import NullPack, RaisingRecogniser
from tests.payloads import body, portraits, row, write_json, write_lines
from tests.pipelines.test_enroll import make_config
from tests.qdrant_server import QdrantTestServer

NAME, METADATA_KEY, METADATA_VALUE = "Canaria Name", "canary_key", "canary_value"
API_KEY = "canary-api-key"
WORDS = [NAME, METADATA_KEY, METADATA_VALUE, API_KEY, "Canaria", "canary"]
LEVELS: dict[str, tuple[list[str], list[str]]] = {
    "quiet": (["-q"], []),
    "default": ([], []),
    "verbose": (["-v"], []),
    "debug": (
        ["-v"],
        [
            "--",
            "--default_sdk_harness_log_level=DEBUG",
            '--sdk_harness_log_level_overrides={"apache_beam":"DEBUG"}',
        ],
    ),
}
TOPS = ("run", "again", "dry", "tmp", "home")
BIT = 24  # bytes of an image, or characters of its Base64


def person(person_id: str, image: bytes, /, **fields: Any) -> dict[str, Any]:
    """Gives a row of canaries."""
    canaries = {"person_name": NAME, "metadata": {METADATA_KEY: METADATA_VALUE}}
    return row(person_id, image, **(canaries | fields))


def images() -> list[bytes]:
    """Gives photos of one person, and pictures that are rejected at each stage."""
    blank = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 99, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(blank, "PNG")
    photo = portraits()[7]
    return [photo, portraits()[6], blank.getvalue(), photo[: len(photo) // 2], b"canary" * 20]


def write_inputs(folder: Path) -> list[Path]:
    """Writes rows in every form, good ones and bad ones of every kind."""
    good = [person(f"id-{n}", each) for n, each in enumerate(images())]
    text = json.dumps(good[0]).encode()
    bad = [
        text[:-9],
        text[: text.index(METADATA_KEY.encode()) + 3],
        text[: text.index(NAME.encode()) + 9],
        b"[" + text + b"]",
        b"\xff" + text,
        person("id-metadata", images()[0], metadata=NAME),
        person("id-nested", images()[0], metadata={METADATA_KEY: {METADATA_KEY: METADATA_VALUE}}),
        person("id-name", images()[0], person_name=[NAME]),
        person("id-base64", b"", face_base_64=NAME),
        person("id-uri", b"", face_base_64=None, face_uri=f"{NAME}.jpg"),
        person("id-far", b"", face_base_64=None, face_uri=f"canary://{NAME}.jpg"),
        {**person("", images()[0]), "person_id": {NAME: NAME}},
        {**person("", images()[0]), "person_id": NAME * 99},
    ]
    table = [{**each, "metadata": list(each["metadata"].items())} for each in good]
    [cut] = [json.dumps(body([person("id-cut", images()[0])])).encode()[:-9]]
    return [
        write_lines(folder / "a.jsonl", [*good, *good[:2], *bad]),
        Path(write_parquet(folder / "b.parquet", [{**each, "metadata": None} for each in table])),
        write_json(folder / "c.json", body([person("id-body", images()[1])])),
        write_json(folder / "d.json", cut),
        write_json(folder / "e.json", body([person("id-gone", images()[1])], "gone")),
    ]


def needles(store: str) -> list[bytes]:
    """Gives what must not be written: words, and bits of images and vectors in any spelling."""
    bits = [each.encode() for each in WORDS]
    for image in images()[:4]:
        for at in (0, len(image) // 6 * 3):
            bit = image[at : at + BIT]
            bits += [bit, base64.b64encode(bit), repr(bit)[2:-1].encode()]
    for point in stored_persons(store, ["id-0", "id-1"]).values():
        bits += [repr(float(each))[:9].encode() for each in point.vector]
        bits.append(point.vector[:2].tobytes())
    return bits


def assert_silent(muster: Muster, *ended: Finished) -> None:
    """Looks through all that is written and that was said."""
    said = {
        f"{name} {n}": getattr(each, name).encode()
        for n, each in enumerate(ended)
        for name in ("stdout", "stderr")
    }
    files = {
        str(each): each.read_bytes()
        for top in TOPS
        for each in (muster.folder / top).rglob("*")
        if each.is_file() and each.parent.name != "rejected"
    }
    wanted = needles(muster.store)
    found = [(name, bit) for name, text in (said | files).items() for bit in wanted if bit in text]
    assert found == []


@pytest.fixture
def muster(muster: Muster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Muster]:
    """The command with the null pack, a folder of its own to work in, and logs as in a shell."""
    monkeypatch.setattr(pipelines.enroll, "find_pack", lambda *_: NullPack())
    monkeypatch.setattr(pipelines.collections, "find_pack", lambda *_: NullPack())
    for name in ("tmp", "home"):
        (tmp_path / name).mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("QDRANT_API_KEY", API_KEY)
    return muster


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QdrantTestServer]:
    """A server that tells in each error all that it knows."""
    everything = {"status": {"error": f"{WORDS} {base64.b64encode(images()[0]).decode()}"}}
    monkeypatch.setattr(qdrant_server, "_error", lambda _: everything)
    with QdrantTestServer(tmp_path / "server", API_KEY) as running:
        yield running


def tell(muster: Muster, *arguments: object) -> Finished:
    """Runs the command with the logs that it sets up for itself, and not those of pytest."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        return muster(*arguments)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.mark.parametrize("how", LEVELS)
def test_an_embedded_run_tells_of_nobody(muster: Muster, how: str) -> None:
    storage = "StoreThumbnails" if how == "default" else "StoreFullImage"
    inputs = write_inputs(muster.folder)
    muster.create()
    options, beams = LEVELS[how]
    both = [*muster.options("run", storage), *options]
    first = tell(muster, "enroll", *inputs, *both, "--keep-rejected", *beams)
    assert first.code == 0, first.stderr
    assert first.json["rows_read"] > first.json["enrolled"] > 2
    again = tell(
        muster, "enroll", inputs[0], *muster.options("again", "NoStorage"), *options, *beams
    )
    dry = tell(
        muster, "enroll", *inputs, *muster.options("dry", storage), *options, "--dry-run", *beams
    )
    answers = tell(muster, "responses", muster.folder / "run")
    assert [again.code, dry.code, answers.code] == [0, 0, 0]
    assert ("INFO" in first.stderr) == ("-v" in options)
    assert_silent(muster, first, again, dry, answers)


@pytest.mark.parametrize("status", [200, 400, 401, 429, qdrant_server.HANG_UP])
def test_a_server_and_its_failures_tell_of_nobody(
    muster: Muster, server: QdrantTestServer, status: int
) -> None:
    inputs = write_inputs(muster.folder)
    muster.store = server.url
    muster.create()
    if status != 200:
        server.fail_with = lambda method, path: (
            (status, {"Retry-After": "1"}) if method == "PUT" and path.endswith("/points") else None
        )
    options, beams = LEVELS["debug"]
    ended = tell(
        muster,
        "enroll",
        *inputs,
        *muster.options("run", "StoreFullImage"),
        *options,
        "--retry-for",
        "300ms",
        *beams,
    )
    assert ended.code == (0 if status == 200 else 1), ended.stderr
    server.fail_with = None
    assert_silent(muster, ended)


def test_what_is_kept_on_purpose_is_found(muster: Muster) -> None:
    """So that silence above means something."""
    inputs = write_inputs(muster.folder)
    muster.create()
    assert tell(muster, "enroll", *inputs, *muster.options("run"), "--keep-rejected").code == 0
    kept = b"".join(each.read_bytes() for each in (muster.folder / "run" / "rejected").iterdir())
    for each in (NAME, METADATA_KEY, METADATA_VALUE, base64.b64encode(images()[4][:BIT]).decode()):
        assert each.encode() in kept


def raising(text: str) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise ValueError(text)

    return fail


@pytest.mark.parametrize(
    "place",
    [
        "transforms.submissions.parse_metadata",
        "transforms.upsert_persons.to_points",
        "transforms.read_rows.read_split",
        "transforms.write_results.json_line",
        "transforms.keep_rejected.RejectedFiles.add",
        "pipelines.enroll.count_results",
        "pipelines.enroll.plan_splits",
    ],
)
def test_the_text_of_an_exception_is_not_told(
    muster: Muster, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    inputs = write_inputs(muster.folder)
    muster.create()
    tell(muster, "enroll", inputs[2], *muster.options("first")[4:])
    monkeypatch.setattr(place, raising(f"of {NAME}:\nand {METADATA_VALUE}"))
    options, beams = LEVELS["debug"]
    both = [*muster.options("run"), "--keep-rejected", *options]
    ended = tell(muster, "enroll", *inputs, *both, *beams)
    assert ended.code == 1
    files = [each for each in (muster.folder / "run").rglob("*.json*") if each.is_file()]
    assert "ValueError" in ended.stderr + "".join(
        each.read_text(errors="replace") for each in files
    )
    assert_silent(muster, ended)


def test_an_engine_that_raises_tells_of_nobody(
    muster: Muster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pipelines.enroll, pipelines.collections):
        monkeypatch.setattr(module, "find_pack", lambda *_: NullPack(RaisingRecogniser))
    muster.create()
    options, beams = LEVELS["debug"]
    inputs = write_inputs(muster.folder)
    ended = tell(muster, "enroll", *inputs, *muster.options("run"), *options, *beams)
    assert ended.code == 1
    assert ended.json["rejected"]["ERR_INTERNAL_ERROR"] > 0
    assert "must not be told" not in ended.stderr
    assert_silent(muster, ended)


def test_a_parquet_file_of_other_columns_tells_of_nobody(muster: Muster) -> None:
    """The keys of a struct are those of a person's metadata."""
    muster.create()
    rows = [{"NO": "1", "metadata": {METADATA_KEY: METADATA_VALUE}, "who": NAME}]
    payload = write_parquet(muster.folder / "other.parquet", rows)
    ended = tell(muster, "enroll", payload, *muster.options("run"), "-v")
    assert ended.code == 4
    assert "metadata (struct)" in ended.stderr
    assert_silent(muster, ended)


@pytest.mark.parametrize(
    "text",
    [
        f"id,name,path,{METADATA_KEY}\na,{NAME},no.jpg,{METADATA_VALUE}\nb,{NAME},no.jpg,x,y\n",
        f'id,name,path\na,"{NAME},no.jpg\n',
        f"id,name,path\n,{NAME}\udcff,no.jpg\n",
        f"id,{NAME}\na,{NAME}\n",
    ],
)
def test_a_broken_table_tells_of_nobody(muster: Muster, text: str) -> None:
    muster.create()
    table = muster.folder / "people.csv"
    table.write_text(text, errors="surrogateescape")
    ended = tell(muster, "pack", table, muster.folder / "out.parquet")
    assert ended.code == 2
    assert_silent(muster, ended)


def test_the_graph_that_a_runner_sees_tells_of_nobody(muster: Muster) -> None:
    """Its display data are in it."""
    inputs = write_inputs(muster.folder)
    muster.create()
    config = make_config(muster.folder, inputs=tuple(map(str, inputs)), store=muster.store)
    pipeline = beam.Pipeline()
    with prepared(config) as (job, _):
        compose(job, pipeline)
    graph = pipeline.to_runner_api().SerializeToString()
    assert [each for each in needles(muster.store) if each in graph] == []


def test_everything_is_private_while_it_is_written(muster: Muster) -> None:
    """Modes of what Beam, the store and the temporary folder hold, under a lax umask."""
    payload = write_inputs(muster.folder)[0]
    many = write_lines(muster.folder / "many.jsonl", payload.read_bytes().splitlines() * 5)
    modes: dict[str, int] = {}
    before = os.umask(0o022)
    environment = {"TMPDIR": str(muster.folder / "tmp"), "PATH": os.environ["PATH"]}
    script = Path(sys.executable).parent / "muster"
    try:
        for command in (
            ["collections", "create", COLLECTION, "--store", muster.store],
            ["enroll", many, *muster.options("run", "StoreFullImage"), "--keep-rejected", "-q"],
        ):
            process = subprocess.Popen([script, *command], env=environment, stderr=subprocess.PIPE)
            while process.poll() is None:
                modes |= modes_below(muster.folder)
                time.sleep(0.02)
            assert process.returncode == 0, process.stderr and process.stderr.read()
    finally:
        os.umask(before)
    modes |= modes_below(muster.folder)
    assert any("beam-temp" in each for each in modes)
    assert any("segments" in each for each in modes)
    assert any("rejected" in each and "partial" in each for each in modes)
    assert set(modes.values()) == {0o600, 0o700}, modes


def modes_below(folder: Path) -> dict[str, int]:
    """Gives the modes of all that lies in the folders that a run writes to."""
    found = {}
    for each in ("run", "store", "tmp"):
        for parent, folders, files in os.walk(folder / each):
            for path in (parent, *(os.path.join(parent, name) for name in [*folders, *files])):
                with suppress(FileNotFoundError):
                    status = os.lstat(path)
                    found[path] = stat.S_IMODE(status.st_mode)
                    assert stat.S_ISDIR(status.st_mode) == (found[path] == 0o700), path
    return found
