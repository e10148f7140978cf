"""What the exit code of a run tells, and why it is what it is."""

from collections.abc import Iterator

from pipelines.config import RejectedLimit
from schemas.exit_codes import FAILED, FINISHED, REFUSED, SIGNAL_BASE, TOO_MANY_REJECTED
from schemas.report import Account, Report, Status


def exit_code(report: Report, limit: RejectedLimit | None, signal_number: int | None) -> int:
    """Gives the exit code: a signal tells first, then failures, refusals, and rejections."""
    if report.status is Status.CANCELLED and signal_number is not None:
        return SIGNAL_BASE + signal_number
    if report.status is not Status.FINISHED or report.failed_rows or report.damaged_inputs:
        return FAILED
    if report.all_refused:
        return REFUSED
    if _too_many(report.account, limit):
        return TOO_MANY_REJECTED
    return FINISHED


def reasons(report: Report, limit: RejectedLimit | None) -> Iterator[str]:
    """Gives what a person should know of a run that did not go as it was meant to."""
    account = report.account
    if report.error:
        yield f"the run failed: {report.error}"
    elif report.failed_rows:
        yield f"{report.failed_rows} rows failed for no reason of their own; enroll them again"
    if report.damaged_inputs:
        yield f"damaged inputs: {report.damaged_inputs}; their records that tell no row say where"
    if report.rejected_not_kept:
        yield f"rejected rows that could not be kept: {report.rejected_not_kept}"
    if report.all_refused:
        yield "every request was refused; the records tell why"
    if _too_many(account, limit):
        yield (
            f"{account.num_rejected} of {account.rows_read} rows were rejected, more than "
            f"--max-rejected {limit} allows"
        )


def _too_many(account: Account, limit: RejectedLimit | None) -> bool:
    return limit is not None and not limit.allows(account.num_rejected, account.rows_read)
