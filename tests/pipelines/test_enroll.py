"""The composition: one fused stage from reader to writer, and the closed account."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import fn_runner

from pipelines import duplicates, enroll
from pipelines.config import EnrollConfig
from pipelines.enroll import Job, compose, prepared, run
from pipelines.launch import run_pipeline
from schemas.errors import UsageError
from schemas.options import FaceStorageType
from tests.command import COLLECTION
from tests.fakes import NullPack, NullStoreSpec
from tests.payloads import people, portraits, row, write_lines
from transforms import batches, run_state, write_results
from transforms.faces.base import FaceModel, Share
from transforms.inputs.parquet_splits import damage
from transforms.run_state import RunState
from transforms.stores.connect import connected


def make_config(folder: Path, **overrides: Any) -> EnrollConfig:
    values: dict[str, Any] = {
        "inputs": (str(folder / "in.jsonl"),),
        "collection": COLLECTION,
        "face_storage_type": FaceStorageType.NO_STORAGE,
        "run_dir": str(folder / "run"),
        "workers": 2,
    }
    return EnrollConfig(**(values | overrides))


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    write_lines(tmp_path / "in.jsonl", people(3))
    with prepared(make_config(tmp_path), NullPack(), NullStoreSpec()) as (job, _):
        yield job


def test_no_pixel_is_shuffled(job: Job) -> None:
    """All that touches a row is one stage for the runner: nothing waits in memory between."""
    pipeline = beam.Pipeline()
    compose(job, pipeline)

    _, stages = fn_runner.FnApiRunner().create_stages(pipeline.to_runner_api())

    names = [[each.unique_name for each in stage.transforms] for stage in stages]
    [fused] = [each for each in names if any("ReadSplit" in name for name in each)]
    text = "\n".join(fused)
    for step in (
        "CheckRow",
        "LookUp",
        "DecodeImage",
        "DetectFace",
        "EmbedFaces",
        "Upsert",
        "ToRecords",
        "WriteBundles",
    ):
        assert step in text


def test_one_environment(job: Job) -> None:
    pipeline = beam.Pipeline()
    compose(job, pipeline)
    assert len(pipeline.to_runner_api().components.environments) == 1


def test_the_graph_holds_no_data_and_no_secret(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_API_KEY", "a-secret-key")
    pipeline = beam.Pipeline()
    compose(job, pipeline)
    graph = pipeline.to_runner_api().SerializeToString()
    assert b"a-secret-key" not in graph
    assert len(graph) < 200_000


def test_the_report_on_disk_is_the_one_given(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", [*people(2), row("x", portraits()[7], extra=1)])
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "notes.txt").write_text("x")
    write_lines(tmp_path / "more" / "in.jsonl", [b"rubbish"])
    config = make_config(tmp_path, inputs=(str(tmp_path / "in.jsonl"), str(tmp_path / "more")))

    report = run(config, NullPack(), NullStoreSpec())

    written = json.loads((tmp_path / "run" / "report.json").read_text())
    assert written == json.loads(json.dumps(report.to_json()))
    assert written["unknown_fields"] == ["extra"]
    assert written["skipped_files"] == [str(tmp_path / "more" / "notes.txt")]
    assert written["codes"] == {"ERR_UNPROCESSABLE_CONTENT": 1, "OK": 3}
    assert set(written["stages"]) == {"check", "look_up", "decode", "detect", "embed", "upsert"}


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_every_unknown_field_is_named_whichever_worker_met_it(tmp_path: Path, workers: int) -> None:
    rows = [row(f"{n}", portraits()[7], **{f"x{n}": 1}) for n in range(8)]
    write_lines(tmp_path / "in.jsonl", rows)
    report = run(make_config(tmp_path, workers=workers), NullPack(), NullStoreSpec())
    assert report.unknown_fields == tuple(f"x{n}" for n in range(8))


def test_where_a_stage_breaks_the_other_workers_read_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they would store has no record."""
    write_lines(tmp_path / "in.jsonl", [row(str(n), portraits()[7]) for n in range(2000)])
    broken = []

    def breaks(self: Any, outcome: Any) -> Any:
        if not broken:
            broken.append(outcome)
            raise ZeroDivisionError
        return ()

    monkeypatch.setattr(write_results._RecordFn, "process", breaks)
    spec = NullStoreSpec()
    with connected(spec) as store:
        report = run(make_config(tmp_path), NullPack(), spec)
    assert report.status == "failed"
    assert report.error.startswith("RuntimeError at ")  # as Beam raises it again
    assert 0 < sum(store.upserted) < 1500  # type: ignore[attr-defined]


def test_what_made_a_worker_elsewhere_stop_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(tmp_path / "in.jsonl", people(3))
    config = make_config(tmp_path)

    def with_another_process(*arguments: Any) -> Any:
        result = run_pipeline(*arguments)
        elsewhere = RunState()
        elsewhere.join(run_state.RUN_STATE.run)
        elsewhere.stop("the store is away")
        return result

    monkeypatch.setattr(enroll, "run_pipeline", with_another_process)
    monkeypatch.setattr(run_state, "_LOOK_EVERY_S", 0.0)
    report = run(config, NullPack(), NullStoreSpec())
    assert (report.status, report.error) == ("failed", "the store is away")


def test_ids_that_could_not_be_read_fail_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a mounted disk is away for a moment: which row wins would be left to chance."""
    write_lines(tmp_path / "in.jsonl", people(3))
    monkeypatch.setattr(
        duplicates, "read_split", lambda reading, split: [damage(reading, split).make()]
    )
    report = run(make_config(tmp_path), NullPack(), NullStoreSpec())
    assert (report.status, report.account.enrolled) == ("failed", 3)
    assert report.error == "not all ids could be read when duplicates were looked for; enroll again"


@dataclass(frozen=True)
class _Unloadable(NullPack):
    error: Exception = field(default_factory=Exception)

    def load(self, share: Share) -> FaceModel:
        raise self.error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UsageError("the weights are another's"), "the weights are another's"),
        (RuntimeError("private"), "RuntimeError"),
    ],
)
def test_why_a_pack_cannot_be_loaded_is_told(tmp_path: Path, error: Exception, told: str) -> None:
    write_lines(tmp_path / "in.jsonl", people(1))
    report = run(make_config(tmp_path), _Unloadable(error=error), NullStoreSpec())
    assert (report.status, report.error) == ("failed", f"the pack cannot be loaded: {told}")
    assert report.account.rejected == {"ERR_INTERNAL_ERROR": 1}


def test_what_is_called_meanwhile_may_fail(tmp_path: Path) -> None:
    """The report tells it, and no worker is left behind."""
    write_lines(tmp_path / "in.jsonl", [row(str(n), portraits()[7]) for n in range(2000)])

    def fails(_: int) -> None:
        raise ZeroDivisionError

    report = run(make_config(tmp_path), NullPack(), NullStoreSpec(), fails)
    assert report.status == "failed"
    assert report.error.startswith("ZeroDivisionError")
    assert not [each for each in threading.enumerate() if each.name == "pipeline"]


def test_writes_come_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "randrange", lambda _: 0)  # no first batch ends early
    write_lines(tmp_path / "in.jsonl", people(150))
    spec = NullStoreSpec()
    with connected(spec) as store:
        run(make_config(tmp_path, workers=1), NullPack(), spec)
    assert store.upserted == [64, 64, 22]  # type: ignore[attr-defined]
