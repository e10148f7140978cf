"""What the command cannot make sense of: exit 2, and what to do."""

import gzip
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.command import COLLECTION, Muster, started
from tests.payloads import people, portraits, row, write_lines


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "good.jsonl", people(2))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["--collectin", "x"], "--collection", id="misspelt"),
        pytest.param(["--face-storage-type", "StoreAll"], "StoreThumbnails", id="storage"),
        pytest.param(["--workers", "0"], "1 or more", id="workers"),
        pytest.param(["--max-image-bytes", "many"], "20MB", id="size"),
        pytest.param(["--retry-for", "soon"], "120s", id="duration"),
        pytest.param(["--max-rejected", "-1"], "2.5%", id="max_rejected"),
        pytest.param(["--max-rejected", "101%"], "2.5%", id="max_rejected_percent"),
        pytest.param(["--column", "person_id"], "FIELD=NAME", id="column"),
        pytest.param(["--column", "persn=x"], "person_id", id="column_field"),
        pytest.param(["--pack", "no-such"], "opencv-zoo", id="pack"),
        pytest.param(["--store", "http://u:p@localhost"], "QDRANT_API_KEY", id="url_secret"),
        pytest.param(["--store", "htpp://localhost:6333"], "begins with http://", id="url_scheme"),
        pytest.param(["--", "--runer=FlinkRunner"], "'--runer'", id="beam_misspelt"),
        pytest.param(["--", "--direct_num_workers=two"], "invalid int", id="beam_value"),
        pytest.param(["--", "--runner=Foo"], "no runner 'Foo'", id="beam_runner"),
        pytest.param(
            ["--", "--direct_running_mode=multi_processing"], "--workers", id="multi_processing"
        ),
        pytest.param(
            ["--", "--runner=PortableRunner", "--job_endpoint=embed",
             "--environment_type=EXTERNAL", "--environment_config=localhost:1"],
            "URL of a Qdrant server", id="embedded_store_on_other_workers",
        ),
        pytest.param(
            ["--", "--runner=PortableRunner", "--job_endpoint=embed",
             "--environment_type=LOOPBACK", "--experiments=use_loopback_process_worker"],
            "URL of a Qdrant server", id="embedded_store_on_a_loopback_of_processes",
        ),
        pytest.param(
            ["--", "--runner=PortableRunner", "--job_endpoint=embed",
             "--environment_type=EXTERNAL"],
            "Option external_service_address is required", id="beam_lacks_an_option",
        ),
        pytest.param(
            ["--", "--runner=PortableRunner", "--environment_type=LOOPBACK"],
            "--runner=PortableRunner lacks --job_endpoint", id="no_job_server",
        ),
        pytest.param(["--", "--runner=DataflowRunner"], "no disk in common", id="dataflow"),
        pytest.param(
            ["--", "--runner=PortableRunner", "--job_endpoint=embed",
             "--environment_type=LOOPBACK", "--s3_access_key_id=hunter2"],
            "--s3_access_key_id: PortableRunner would show it", id="key_that_a_runner_would_show",
        ),
    ],
)  # fmt: skip
def test_options(muster: Muster, payload: Path, arguments: list[str], told: str) -> None:
    muster.create()
    ended = muster("enroll", payload, *muster.options("run"), *arguments)
    assert (ended.code, ended.stdout) == (2, "")
    assert told in ended.stderr
    assert not (muster.folder / "run").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("missing.jsonl", "no such file or folder", id="missing"),
        pytest.param("*.nothing", "the glob matches no file", id="glob"),
        pytest.param("empty", "the folder is empty", id="empty_folder"),
        pytest.param("notes.txt", "its suffix is not one of .parquet", id="suffix"),
    ],
)
def test_inputs(muster: Muster, tmp_path: Path, name: str, told: str) -> None:
    muster.create()
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    ended = muster.enroll("run", tmp_path / name)
    assert (ended.code, ended.stdout) == (2, "")
    assert told in ended.stderr


@pytest.mark.parametrize("stdin", ["of_nobody", "closed"])
def test_delete_asks_a_person_only(
    muster: Muster, monkeypatch: pytest.MonkeyPatch, stdin: str
) -> None:
    if stdin == "closed":
        monkeypatch.setattr(sys, "stdin", None)
    muster.create()
    delete = ("collections", "delete", COLLECTION, "--store", muster.store)
    refused = muster(*delete)
    assert (refused.code, refused.stdout) == (2, "")
    assert "--yes" in refused.stderr
    assert muster(*delete, "--yes").json == {"name": COLLECTION, "num_persons": 0}
    assert muster("collections", "list", "--store", muster.store).json == []


def test_ctrl_c_is_an_answer_too(muster: Muster) -> None:
    """As the one that a terminal sends."""
    muster.create()
    ours, theirs = os.openpty()
    delete = ("collections", "delete", COLLECTION, "--store", muster.store)
    with started(*delete, stdin=theirs) as process:
        assert process.stderr is not None
        assert process.stderr.read(6) == "Delete"
        for _ in range(30):  # one that comes just before it waits for the answer is not heard
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)
                break
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 130
    assert muster("collections", "show", COLLECTION, "--store", muster.store).code == 0


@pytest.mark.parametrize(
    ("name", "value"), [("ALL_PROXY", "socks://localhost:1"), ("SSL_CERT_FILE", "no/such/file")]
)
def test_an_environment_with_which_no_client_can_be_made(
    muster: Muster, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    ended = muster("collections", "list", "--store", "http://localhost:1")
    assert (ended.code, ended.stdout) == (2, "")
    assert name in ended.stderr


def test_beam_options_belong_to_enroll(muster: Muster) -> None:
    assert muster("collections", "list", "--", "--streaming").code == 2


def test_beams_secrets_stay_out_of_the_manifest(muster: Muster, payload: Path) -> None:
    muster.create()
    given = ["--s3_secret_access_key", "hunter1", "--s3_access_key_id=hunter2"]
    assert muster.enroll("run", payload, "--", *given).code == 2  # `--` was not last
    assert muster("enroll", payload, *muster.options("run"), "--", *given).code == 0
    text = (muster.folder / "run" / "manifest.json").read_text()
    assert "hunter" not in text
    assert json.loads(text)["options"]["beam_options"] == [
        "--s3_secret_access_key",
        "--s3_access_key_id",
    ]
    misspelt = muster("enroll", payload, *muster.options("x"), "--", "--s3_secret_acess=hunter3")
    assert "hunter3" not in misspelt.stderr


def test_ids_that_begin_with_a_hyphen(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    [person] = people(1)
    path = write_lines(tmp_path / "in.jsonl", [person | {"person_id": "-5"}])
    muster.enroll("run", path)
    options = ("--collection", COLLECTION, "--store", muster.store)
    assert muster("persons", "get", *options, "--", "-5").json["person_id"] == "-5"


def test_a_sample_overwrites_nothing(muster: Muster, tmp_path: Path) -> None:
    (tmp_path / "persons.jsonl").write_text("mine")
    assert muster("sample", tmp_path).code == 2
    assert os.listdir(tmp_path) == ["persons.jsonl"]
    assert (tmp_path / "persons.jsonl").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(["sample", ""], "DIR"), (["pack", "", "o.parquet"], "DIR|MANIFEST.csv")],
)
def test_an_empty_name_is_not_the_current_folder(
    muster: Muster, arguments: list[str], name: str
) -> None:
    ended = muster(*arguments)
    assert (ended.code, ended.stderr) == (
        2,
        f"muster: {name}: expected a name, not an empty one\n",
    )


def test_broken_images_say_nothing_on_stderr(
    muster: Muster, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """libpng would: a line for each, under -q too."""
    muster.create()
    photo = portraits()[6]
    path = write_lines(tmp_path / "in.jsonl", [row("x", photo[: len(photo) // 2])])
    ended = muster.enroll("run", path, "-q")
    assert ended.json["rejected"] == {"ERR_INVALID_IMAGE": 1}
    assert ended.stderr == ""


def test_precedence(
    muster: Muster, payload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Command line, then MUSTER_<OPTION>, then --config, then the default."""
    muster.create()
    config = tmp_path / "job.yaml"
    values = {
        "inputs": [str(payload)],
        "collection": COLLECTION,
        "face-storage-type": "NoStorage",
        "store": muster.store,
        "run-dir": str(tmp_path / "from_config"),
        "workers": 2,
        "multiple-faces": "largest",
        "max-image-pixels": 1_000_000,
        "keep-rejected": True,
        "column": ["person_name=person_name"],
    }
    config.write_text(json.dumps(values))
    monkeypatch.setenv("MUSTER_WORKERS", "3")
    monkeypatch.setenv("MUSTER_MULTIPLE_FACES", "center")

    ended = muster("enroll", "--config", config, "--multiple-faces", "reject")

    assert ended.code == 0, ended.stderr
    options = json.loads((tmp_path / "from_config" / "manifest.json").read_text())["options"]
    assert options["workers"] == 3
    assert options["rules"]["multiple_faces"] == "reject"
    assert options["rules"]["max_image_pixels"] == 1_000_000
    assert options["rules"]["max_image_bytes"] == 20_000_000
    assert options["keep_rejected"] is True
    assert options["columns"] == {"person_name": "person_name"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("max_rejcted: 1", "no option 'max-rejcted'; expected some of", id="misspelt"),
        pytest.param("config: x", "no option 'config'; expected some of", id="itself"),
        pytest.param("run-dir: r\nlimit: 2.5", "'2.5' is not a valid integer", id="not_whole"),
        pytest.param("face-schemes: [gs]", "face-schemes: expected one value", id="several"),
    ],
)
def test_config_files(muster: Muster, tmp_path: Path, text: str, told: str) -> None:
    config = tmp_path / "job.yaml"
    config.write_text(text)
    ended = muster("enroll", "x.jsonl", "--config", config)
    assert ended.code == 2
    assert told in ended.stderr


def test_stderr_may_be_closed(muster: Muster, payload: Path) -> None:
    """Whatever is opened next would stand in its place, and get what libraries write there."""
    muster.create()
    script = Path(sys.executable).parent / "muster"
    ended = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", script, "enroll", payload, *muster.options("run")],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert ended.returncode == 0
    assert json.loads(ended.stdout) == muster.report("run")["account"]
    assert muster.report("run")["account"]["enrolled"] > 0


def test_more_rejected_than_allowed(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    [person] = people(1)
    path = write_lines(tmp_path / "in.jsonl", [b"rubbish", person])
    for number, (limit, code) in enumerate([("1", 0), ("0", 3), ("50%", 0), ("49.9%", 3)]):
        assert muster.enroll(f"run{number}", path, "--max-rejected", limit).code == code


def test_dry_run_writes_nothing(muster: Muster, payload: Path) -> None:
    muster.create()
    enrolled = people(1)
    muster.enroll("before", write_lines(muster.folder / "one.jsonl", enrolled))
    with payload.open("ab") as file:
        file.write(b"rubbish\n")

    ended = muster.enroll("run", payload, "--dry-run")

    assert ended.code == 0
    assert ended.json["rows"] == 3
    assert ended.json["damaged_inputs"] == 0
    assert ended.json["would"] == {
        "enroll_or_reject": 1,
        "update_or_leave_unchanged_or_reject": 1,
        "reject": {"ERR_UNPROCESSABLE_CONTENT": 1},
    }
    assert not (muster.folder / "run").exists()
    shown = muster("collections", "show", COLLECTION, "--store", muster.store)
    assert shown.json == {"name": COLLECTION, "num_persons": 1}


def test_dry_run_tells_damage(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    lines = write_lines(tmp_path / "in.jsonl", people(3)).read_bytes()
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(lines)[:-8])
    ended = muster.enroll("run", tmp_path / "cut.jsonl.gz", "--dry-run")
    assert (ended.code, ended.json["rows"], ended.json["damaged_inputs"]) == (0, 3, 1)
    assert ended.json["would"] == {
        "enroll_or_reject": 3,
        "update_or_leave_unchanged_or_reject": 0,
        "reject": {"ERR_UNPROCESSABLE_CONTENT": 1},
    }


def test_no_rows_is_a_finished_run(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "blank.jsonl").write_bytes(b"\n \r\n")
    ended = muster.enroll("run", tmp_path / "empty.jsonl", tmp_path / "blank.jsonl")
    assert ended.code == 0
    assert ended.json == {
        "rows_read": 0, "enrolled": 0, "updated": 0, "unchanged": 0, "rejected": {},
    }  # fmt: skip
