import json
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import responses as responses_job
from pipelines.responses import responses
from schemas.errors import MESSAGES, Code, FailedError, UsageError

UNREADABLE = Code.UNPROCESSABLE_CONTENT


def record(source, request=None, row=None, code=Code.OK, detail=""):
    metadata = {"person_id": f"{source}-{request}-{row}\u2028", "source": source}
    metadata |= {} if request is None else {"request": str(request)}
    metadata |= {} if row is None else {"row": str(row)}
    metadata |= {"detail": detail} if detail else {}
    return {"code": code, "message": MESSAGES.get(code, "Done."), "metadata": metadata}


def write_run(folder, files, empty=()):
    """Leaves a run over z.jsonl and then a.json. files: the records of each result file."""
    (folder / "results").mkdir(parents=True)
    report = {"codes": {Code.OK: sum(map(len, files))}, "rows_not_read": 0}
    manifest = {"inputs": [{"source": "z.jsonl"}, {"source": "a.json"}], "empty_requests": empty}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "report.json").write_text(json.dumps(report))
    for number, records in enumerate(files):
        name = f"results/results-{number:05}-of-{len(files):05}.jsonl"
        (folder / name).write_text("".join(json.dumps(each) + "\n" for each in records))
    return folder


def refusal(code):
    return {"code": code, "message": MESSAGES[code]}


def line(source, request, response):
    return {"source": source, "request": request, "response": response}


MANY = [record("z.jsonl", 2, row) for row in range(12)]
MIXED = [  # nothing in it is an affair of the body
    record("z.jsonl", 10, 0, Code.FACE_NOT_DETECTED),
    record("z.jsonl", 10, 1, UNREADABLE, "person_name"),
    record("z.jsonl", 10, 2, Code.DATABASE_ERROR),
    record("z.jsonl", 10, 3),
]
LAST = [record("a.json", 0, 0), record("a.json", 0, 1, Code.INVALID_IMAGE, "truncated")]
REFUSED = [record("z.jsonl", 4, row, Code.NOT_FOUND) for row in range(3)]
MALFORMED = record("z.jsonl", 5, None, UNREADABLE, "not_json")
OTHERS = [record("z.jsonl", None, 3), record("z.jsonl", None, None, UNREADABLE, "truncated_input")]
RECORDS = [*MANY, *REFUSED, MALFORMED, *MIXED, *LAST, *OTHERS]
EMPTY = [
    {"source": "z.jsonl", "request": 0, "code": ""},
    {"source": "z.jsonl", "request": 7, "code": Code.MODEL_MISMATCH},
]
LINES = [
    line("z.jsonl", 0, []),
    line("z.jsonl", 2, MANY),
    line("z.jsonl", 4, refusal(Code.NOT_FOUND)),
    line("z.jsonl", 5, refusal(UNREADABLE)),
    line("z.jsonl", 7, refusal(Code.MODEL_MISMATCH)),
    line("z.jsonl", 10, MIXED),
    line("a.json", 0, LAST),
]


@settings(max_examples=30, deadline=None)  # files are written
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_whatever_the_order_of_records_over_files(rng: random.Random, number):
    files = [[] for _ in range(number)]
    for each in rng.sample(RECORDS, len(RECORDS)):
        rng.choice(files).append(each)
    with tempfile.TemporaryDirectory() as folder:
        assert list(responses(write_run(Path(folder) / "run", files, EMPTY))) == LINES


@pytest.mark.parametrize(
    ("code", "detail", "is_refused"),
    [
        (Code.NOT_FOUND, "", True),
        (Code.INVALID_COLLECTION_NAME, "", True),
        (UNREADABLE, "collection_name", True),
        (UNREADABLE, "face_storage_type", True),
        (UNREADABLE, "person_id", False),
        (Code.DUPLICATE_ID, "a.json request 0 row 1", False),
    ],
)
def test_what_refuses_a_body(tmp_path, code, detail, is_refused):
    records = [record("a.json", 0, row, code, detail) for row in range(2)]
    [found] = responses(write_run(tmp_path / "run", [records]))
    assert found["response"] == (refusal(code) if is_refused else records)


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(MANY[1:], id="first"),
        pytest.param(MANY[:5] + MANY[6:], id="middle"),
        pytest.param([*MANY, MANY[3]], id="doubled"),
        pytest.param([*MANY[:6], MANY[0], *MANY[7:]], id="doubled_for_lost"),
        pytest.param([MALFORMED, record("z.jsonl", 5, 1)], id="malformed_with_a_person"),
        pytest.param([MALFORMED] * 2, id="malformed_twice"),
        pytest.param([record("z.jsonl", 0, 0)], id="empty_with_a_record"),
    ],
)
def test_a_gap_gives_no_line_at_all(tmp_path, spoilt):
    run = write_run(tmp_path / "run", [LAST, spoilt], EMPTY)
    with pytest.raises(UsageError, match=r"request [025] of z\.jsonl .*in a new folder"):
        next(responses(run))


def test_no_room_to_put_them_in_order_is_told(tmp_path, monkeypatch):
    write_run(tmp_path, [[record("a.json", 0, 0)]])
    monkeypatch.setattr(responses_job, "_SCHEMA", "INSERT INTO nowhere VALUES (1)")
    with pytest.raises(FailedError, match=r"cannot be put in order: .*; this takes their size in"):
        list(responses(tmp_path))


def test_the_command(muster, tmp_path):
    ended = muster("responses", write_run(tmp_path / "run", [RECORDS], EMPTY))
    assert (ended.code, ended.stderr) == (0, "")
    assert [json.loads(each) for each in ended.stdout.splitlines()] == LINES


def test_a_run_without_bodies(muster, tmp_path):
    ended = muster("responses", write_run(tmp_path / "run", [OTHERS]))
    assert (ended.code, ended.stdout) == (0, "")
    assert "none of the run's inputs is a request body" in ended.stderr


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        pytest.param("manifest.json", None, "no run folder", id="no_manifest"),
        pytest.param("manifest.json", '{"name": "app"}', "no run folder", id="of_others"),
        pytest.param("report.json", None, "unfinished", id="unfinished"),
        pytest.param("report.json", '{"rows_not_read": 3}', "3 rows were not read", id="stopped"),
        pytest.param("report.json", '{"rows_not_read": null}', "--limit", id="unknown"),
        pytest.param("results/results-00001-of-00002.jsonl", None, "not hold the 24", id="lost"),
    ],
)
def test_runs_that_are_refused(muster, tmp_path, path, text, told):
    run = write_run(tmp_path / "run", [RECORDS[:-3], RECORDS[-3:]], EMPTY)
    (run / path).unlink() if text is None else (run / path).write_text(text)
    ended = muster("responses", run)
    assert (ended.code, ended.stdout) == (2, "")
    assert told in ended.stderr


def test_no_folder(muster, tmp_path):
    assert "no run folder" in muster("responses", tmp_path / "nowhere").stderr
