"""The main job: rows of people into a collection, one result record a row."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import PCollection

from pipelines.account import count_results
from pipelines.changed_inputs import Marks, first_changed, marks_of
from pipelines.config import EnrollConfig
from pipelines.duplicates import without_duplicates
from pipelines.file_cut import absolute
from pipelines.filesystems import check_schemes, filesystem_options
from pipelines.find_inputs import find_inputs
from pipelines.launch import beam_options, is_one_process, run_pipeline
from pipelines.manifest import manifest
from pipelines.plan_splits import Plan, deal, plan_splits
from pipelines.preflight import bodies_into, check_stamp, existing, opened
from pipelines.report import Ended, make_report
from pipelines.run_folder import check_free, claimed
from pipelines.workplace import Workplace
from schemas.errors import Code, FailedError, UsageError
from schemas.inputs import Form
from schemas.options import FaceStorageType
from schemas.report import Report
from transforms.check_rows import CheckRows
from transforms.decode_images import DecodeImages
from transforms.detect_faces import DetectFaces
from transforms.embed_faces import EmbedFaces
from transforms.face_files import FaceFiles
from transforms.faces.base import Pack
from transforms.faces.catalogue import find_pack
from transforms.inputs.found import Reading
from transforms.keep_rejected import KeepRejected
from transforms.load_model import ModelSource
from transforms.private_logs import where
from transforms.read_rows import ReadRows
from transforms.run_state import RUN_STATE
from transforms.skip_unchanged import SkipUnchanged
from transforms.stores.base import Store, StoreSpec
from transforms.stores.connect import store_spec
from transforms.upsert_persons import UpsertPersons
from transforms.worker import return_memory
from transforms.write_results import WriteResults

_ALL_BODIES = (
    "all inputs are request bodies, each with a collection_name and a face_storage_type of its "
    "own: leave out --collection and --face-storage-type (a file of one person a line is named "
    ".jsonl)"
)


@dataclass(frozen=True, slots=True)
class Job:
    """A config with everything it names found and checked.

    bodies_into: the collections that bodies name and that exist, with why they are refused. marks:
    what shows that an input was changed since it was planned.
    """

    config: EnrollConfig
    pack: Pack
    store: StoreSpec
    plan: Plan
    options: PipelineOptions
    bodies_into: Mapping[str, Code | None]
    workplace: Workplace
    marks: Marks

    @property
    def reading(self) -> Reading:
        """How the inputs are read."""
        config = self.config
        return Reading(
            max_row_bytes=config.max_row_bytes,
            columns=config.columns,
            collection=config.collection or "",
            face_storage_type=config.face_storage_type or FaceStorageType.NO_STORAGE,
            bodies_into=self.bodies_into,
            keep_raw=config.keep_rejected,
        )


def compose(job: Job, pipeline: beam.Pipeline) -> PCollection[str]:
    """The pipeline. From ReadRows to WriteResults is one fused stage: no pixel is shuffled."""
    config, model = job.config, ModelSource(job.pack, job.config.workers)
    root = config.face_root and absolute(config.face_root)
    files = FaceFiles(root, frozenset(config.face_schemes))
    splits = list(deal(job.plan.splits, config.workers))
    outcomes = (
        pipeline
        | "Splits" >> beam.Create(splits, reshuffle=False)
        | "SpreadSplits" >> beam.Reshuffle()
        | ReadRows(job.reading, job.workplace.stop_marker, filesystem_options(job.options))
        | CheckRows(config.rules, files)
        | SkipUnchanged(job.store, job.pack, config.rules)
        | DecodeImages(model, config.rules.max_image_pixels)
        | DetectFaces(model, config.rules.multiple_faces)
        | EmbedFaces(model)
        | UpsertPersons(job.store, job.pack, config.rules)
    )
    if config.keep_rejected:
        outcomes |= KeepRejected(str(job.workplace.rejected))
    return outcomes | WriteResults(job.workplace.results_prefix)


@contextmanager
def prepared(
    config: EnrollConfig, pack: Pack | None = None, store: StoreSpec | None = None
) -> Iterator[tuple[Job, Store]]:
    """Checks everything that can be checked before an image is touched; opens the store.

    Raises UsageError, RefusedError, and FailedError where the run folder is in use.
    """
    check_free(Path(config.run_dir))
    spec = store or store_spec(config.store, config.retry_for_s)
    options = beam_options(config.beam_options, config.workers)
    FileSystems.set_options(options)  # as Beam's pipeline does, which is made after planning
    check_schemes(config)
    if spec.embedded and not is_one_process(options):
        raise UsageError(
            f"--store {spec.location}: an embedded store can be used by one process only; with "
            "workers elsewhere give the URL of a Qdrant server"
        )
    found = find_inputs(config.inputs)
    run_folder = os.path.realpath(config.run_folder)
    for path, _, _ in found.files:
        if "://" not in path and Path(os.path.realpath(path)).is_relative_to(run_folder):
            raise UsageError(
                f"input {path}: lies in the run folder {config.run_dir}, which this run would "
                "write to; name another folder for it"
            )
    if config.collection is not None and all(form is Form.JSON for _, form, _ in found.files):
        raise UsageError(_ALL_BODIES)
    marks = marks_of(found.files)
    pack = pack or find_pack(config.pack, config.inference)  # this may download one
    with opened(spec) as handle:
        if config.collection is not None:
            target = existing(handle, config.collection, spec.location, pack=config.pack)
            check_stamp(target, pack.stamp, spec.location, config.pack)
        plan = plan_splits(
            found,
            config.columns,
            config.max_row_bytes,
            rows_expected=config.collection is not None,
            limit=float("inf") if config.limit is None else config.limit,
        )
        _check_whose_collection(config, plan)
        into = bodies_into(handle, plan.requests.into, pack.stamp)
        workplace = Workplace(config.run_folder)
        yield Job(config, pack, spec, plan, options, into, workplace, marks), handle


def _check_whose_collection(config: EnrollConfig, plan: Plan) -> None:
    if plan.person_rows and config.collection is None:
        raise UsageError(
            f"input {plan.person_source} holds person rows: give --collection and "
            "--face-storage-type for them"
        )
    if plan.bodies_alone and config.collection is not None:
        raise UsageError(_ALL_BODIES)


def run(
    config: EnrollConfig,
    pack: Pack | None = None,
    store: StoreSpec | None = None,
    while_running: Callable[[int], None] = lambda _: None,
) -> Report:
    """Runs the job and gives its report, which is also in the run folder.

    pack, store: instead of those that the config names, for callers from Python. while_running:
    called several times a second with the number of rows there are. Raises UsageError,
    RefusedError before anything is written, and FailedError where the folder is in use or full.
    """
    with prepared(config, pack, store) as (job, handle), claimed(config.run_folder) as folder:
        RUN_STATE.begin(job.workplace.stop_marker)
        folder.write_manifest(manifest(config, job.pack, job.store, job.plan, job.bodies_into))
        if config.keep_rejected:
            folder.keep_rejected()
        with folder.worked_in(job.workplace):
            plan = without_duplicates(
                job.plan, job.reading, config.on_duplicate_id, job.workplace.losers
            )
            return_memory()
            ended = _execute(replace(job, plan=plan), while_running)
        handle.close()  # what it holds back must be on the disk before the report vouches for it
        report = make_report(
            plan,
            count_results(config.run_folder),
            ended,
            requests_refused=job.plan.requests.refused(job.bodies_into),
            taken_over=folder.taken_over,
            changed_input=first_changed(job.marks, {each.source for each in plan.inputs}),
        )
        folder.write_report(report.to_json())
        return report


def _execute(job: Job, while_running: Callable[[int], None]) -> Ended:
    began, started = datetime.now(UTC), time.monotonic()
    measurements, error = None, ""
    rows = job.plan.rows  # a sum over all splits

    def meanwhile() -> None:
        RUN_STATE.under_way = RUN_STATE.under_way or job.workplace.has_begun()
        while_running(rows)

    RUN_STATE.under_way = is_one_process(job.options)
    try:
        with job.workplace.beating():
            measurements = run_pipeline(
                lambda p: compose(job, p), job.options, job.workplace.temporary, meanwhile
            )
    except FailedError as failure:
        error = str(failure)
    except Exception as failure:  # told in the report; its text may hold what must stay private
        error = where(failure)
    stopped = RUN_STATE.stopping  # this looks for what workers elsewhere told, and why
    error = error or RUN_STATE.why
    return Ended(began, time.monotonic() - started, measurements, error, stopped)
