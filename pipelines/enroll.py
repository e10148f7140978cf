"""The main job: rows of people into a collection, one result record a row."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import PCollection

from pipelines.account import count_results
from pipelines.config import EnrollConfig
from pipelines.find_inputs import find_inputs
from pipelines.launch import beam_options, is_one_process, run_pipeline
from pipelines.manifest import manifest
from pipelines.measurements import measured
from pipelines.plan_splits import Plan, plan_splits
from pipelines.preflight import check_stamp, existing, opened
from pipelines.report import make_report, where
from pipelines.run_folder import check_free, claimed
from schemas.errors import UsageError
from schemas.report import Report
from transforms.check_rows import CheckRows
from transforms.decode_images import DecodeImages
from transforms.detect_faces import DetectFaces
from transforms.embed_faces import EmbedFaces
from transforms.faces.base import Pack
from transforms.faces.catalogue import find_pack
from transforms.load_model import ModelSource
from transforms.read_rows import ReadRows, RowReader
from transforms.run_state import RUN_STATE
from transforms.skip_unchanged import SkipUnchanged
from transforms.stores.base import Store, StoreSpec
from transforms.stores.connect import store_spec
from transforms.upsert_persons import UpsertPersons
from transforms.write_results import WriteResults


@dataclass(frozen=True, slots=True)
class Job:
    """A config with everything it names found and checked."""

    config: EnrollConfig
    pack: Pack
    store: StoreSpec
    plan: Plan
    options: PipelineOptions


def compose(job: Job, pipeline: beam.Pipeline) -> PCollection[str]:
    """The pipeline. From ReadRows to WriteResults is one fused stage: no pixel is shuffled."""
    config, model = job.config, ModelSource(job.pack, job.config.workers)
    reader = RowReader(config.collection, config.columns, config.max_row_bytes)
    return (
        pipeline
        | "Splits" >> beam.Create(job.plan.splits, reshuffle=False)
        | "SpreadSplits" >> beam.Reshuffle()
        | ReadRows(reader, config.stop_marker)
        | CheckRows(config.face_storage_type, config.rules)
        | SkipUnchanged(job.store, config.collection, job.pack, config.rules)
        | DecodeImages(config.rules.max_image_pixels)
        | DetectFaces(model, config.rules.multiple_faces)
        | EmbedFaces(model)
        | UpsertPersons(job.store, config.collection, job.pack, config.rules)
        | WriteResults(config.results_prefix)
    )


@contextmanager
def prepared(
    config: EnrollConfig, pack: Pack | None = None, store: StoreSpec | None = None
) -> Iterator[tuple[Job, Store]]:
    """Checks everything that can be checked before an image is touched; opens the store.

    Raises UsageError and RefusedError.
    """
    check_free(Path(config.run_dir))
    pack = pack or find_pack(config.pack)
    spec = store or store_spec(config.store, config.retry_for_s)
    options = beam_options(config.beam_options, config.workers)
    if spec.embedded and not is_one_process(options):
        raise UsageError(
            f"--store {spec.location}: an embedded store can be used by one process only; with "
            "workers elsewhere give the URL of a Qdrant server"
        )
    found = find_inputs(config.inputs)
    with opened(spec) as handle:
        check_stamp(existing(handle, config.collection), pack.stamp)
        plan = plan_splits(found, config.columns, config.max_row_bytes, config.workers)
        yield Job(config, pack, spec, plan, options), handle


def run(
    config: EnrollConfig,
    pack: Pack | None = None,
    store: StoreSpec | None = None,
    while_running: Callable[[int], None] = lambda _: None,
) -> Report:
    """Runs the job and gives its report, which is also in the run folder.

    pack, store: instead of those that the config names, for callers from Python. while_running:
    called several times a second with the number of rows there are. Raises UsageError,
    RefusedError and RunFolderInUseError before anything is written.
    """
    RUN_STATE.begin(config.stop_marker)
    with prepared(config, pack, store) as (job, _), claimed(Path(config.run_dir)) as folder:
        folder.write_manifest(manifest(job.config, job.pack, job.store, job.plan))
        report = _execute(job, folder.taken_over, lambda: while_running(job.plan.rows))
        folder.write_report(report.to_json())
        return report


def _execute(job: Job, taken_over: bool, while_running: Callable[[], None]) -> Report:
    began = datetime.now(UTC)
    measurements, error = None, ""
    RUN_STATE.under_way = True
    try:
        result: Any = run_pipeline(lambda p: compose(job, p), job.options, while_running)
        measurements = measured(result)
    except Exception as failure:  # told in the report; its text may hold what must stay private
        error = where(failure)
    counts = count_results(job.config.results_prefix)
    return make_report(
        job.plan,
        counts,
        measurements,
        began=began,
        error=error or RUN_STATE.why,
        stopped=RUN_STATE.stopping,
        taken_over=taken_over,
    )
