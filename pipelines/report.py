"""Puts together what a run tells of itself: `report.json`."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.account import ResultCounts, close_account
from pipelines.find_inputs import form_of
from pipelines.measurements import Measurements, peak_memory_bytes
from pipelines.plan_splits import Plan
from schemas.errors import Code
from schemas.inputs import Form
from schemas.report import Account, Report, Status
from transforms.metrics import LONGEST_NAME


@dataclass(frozen=True, slots=True)
class Ended:
    """How the pipeline ended. error: what broke it, or made a worker stop it; empty where nothing.

    measurements: None where it broke. seconds: by a clock that nobody sets.
    """

    began: datetime
    seconds: float
    measurements: Measurements | None
    error: str
    stopped: bool


def make_report(
    plan: Plan,
    counts: ResultCounts,
    ended: Ended,
    *,
    requests_refused: Counter[str],
    taken_over: bool,
    changed_input: str,
) -> Report:
    """Gives the report. changed_input: since planning; "" for none."""
    seen = ended.measurements or Measurements(rows_read=counts.records)
    account = close_account(seen.rows_read, counts)
    error = ended.error or _counted_error(plan, counts, account, ended.stopped, changed_input)
    # What lies behind damage to a text nobody knows; a Parquet file's footer counts its rows.
    lost = any(form_of(each) is not Form.PARQUET for each in counts.damaged_sources)
    changed = bool(changed_input) or counts.rows > plan.rows
    unknown = plan.cut_short or lost or changed or not ended.measurements
    planned = {each[:LONGEST_NAME] for each in plan.unknown_fields}
    finished = ended.began + timedelta(seconds=ended.seconds)
    return Report(
        status=_status(error, ended.stopped),
        account=account,
        codes=counts.codes,
        rows_not_read=None if unknown else plan.rows - counts.rows,
        requests=plan.requests.number,
        requests_refused=dict(sorted(requests_refused.items())),
        all_refused=all_refused(plan, requests_refused),
        damaged_inputs=len(counts.damaged_sources),
        rejected_not_kept=seen.not_kept,
        taken_over=taken_over,
        started_at=ended.began.isoformat(timespec="seconds"),
        finished_at=finished.isoformat(timespec="seconds"),
        seconds=round(ended.seconds, 3),
        rows_per_second=round(account.rows_read / ended.seconds, 2),
        stages=seen.stages,
        retries=seen.retries,
        throttled_seconds=seen.throttled_s,
        peak_memory_bytes=peak_memory_bytes(),
        skipped_files=plan.skipped_files,
        unknown_fields=tuple(sorted(seen.unknown_fields | planned)),
        error=error,
    )


def _counted_error(
    plan: Plan, counts: ResultCounts, account: Account, stopped: bool, changed_input: str
) -> str:
    """Gives what only looking back tells of a run that ended by itself; empty where all is well."""
    if not account.closes:
        return "the account does not close"
    if not stopped:
        lacking = counts.rows < plan.rows and not counts.damaged_sources
        if changed_input:
            return f"input {changed_input} was changed while it was read; enroll it again"
        if lacking or counts.rows > plan.rows:
            return "an input was changed while it was read; enroll again"
        if plan.ids_unread - counts.damaged_sources:
            return "not all ids could be read when duplicates were looked for; enroll again"
    return "the store was given up" if Code.DATABASE_ERROR in counts.codes else ""


def all_refused(plan: Plan, requests_refused: Counter[str]) -> bool:
    """True where every body was refused, and there was nothing else."""
    return plan.bodies_alone and requests_refused.total() == plan.requests.number


def _status(error: str, stopped: bool) -> Status:
    if error:
        return Status.FAILED
    return Status.CANCELLED if stopped else Status.FINISHED
