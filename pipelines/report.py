"""Puts together what a run tells of itself: `report.json`."""

from collections import Counter
from datetime import UTC, datetime

from pipelines.account import ResultCounts, close_account
from pipelines.find_inputs import form_of
from pipelines.measurements import Measurements, peak_memory_bytes
from pipelines.plan_splits import Plan
from schemas.errors import Code
from schemas.inputs import Form
from schemas.report import Report, Status


def make_report(
    plan: Plan,
    counts: ResultCounts,
    measurements: Measurements | None,
    *,
    requests_refused: Counter[str],
    began: datetime,
    error: str,
    stopped: bool,
    taken_over: bool,
) -> Report:
    """Gives the report. measurements: None where the pipeline broke.

    error: what broke the pipeline, or made a worker stop it; empty where nothing did.
    """
    seen = measurements or Measurements(rows_read=counts.records)
    account = close_account(seen.rows_read, counts)
    if not error and not account.closes:
        error = "the account does not close"
    if not error and not stopped and not counts.damaged_sources and not plan.cut_short:
        error = "an input became shorter while it was read" if counts.rows < plan.rows else ""
    if not error and Code.DATABASE_ERROR in counts.codes:
        error = "the store was given up"
    # What lies behind damage to a text nobody knows; a Parquet file's footer counts its rows.
    lost = any(form_of(each) is not Form.PARQUET for each in counts.damaged_sources)
    unknown = plan.cut_short or lost or not measurements
    ended = datetime.now(UTC)
    seconds = (ended - began).total_seconds()
    return Report(
        status=_status(error, stopped),
        account=account,
        codes=counts.codes,
        rows_not_read=None if unknown else plan.rows - counts.rows,
        requests=plan.requests.number,
        requests_refused=dict(sorted(requests_refused.items())),
        all_refused=all_refused(plan, requests_refused),
        damaged_inputs=len(counts.damaged_sources),
        taken_over=taken_over,
        started_at=began.isoformat(timespec="seconds"),
        finished_at=ended.isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
        rows_per_second=round(account.rows_read / seconds, 2),
        stages=seen.stages,
        retries=seen.retries,
        throttled_seconds=seen.throttled_s,
        peak_memory_bytes=peak_memory_bytes(),
        skipped_files=plan.skipped_files,
        unknown_fields=tuple(sorted(seen.unknown_fields | plan.unknown_fields)),
        error=error,
    )


def all_refused(plan: Plan, requests_refused: Counter[str]) -> bool:
    """True where every body was refused, and there was nothing else."""
    return 0 < requests_refused.total() == plan.requests.number and not plan.person_rows


def _status(error: str, stopped: bool) -> Status:
    if error:
        return Status.FAILED
    return Status.CANCELLED if stopped else Status.FINISHED
