"""What the exit code of a run tells."""

from pipelines.config import RejectedLimit
from schemas.exit_codes import FAILED, FINISHED, REFUSED, SIGNAL_BASE, TOO_MANY_REJECTED
from schemas.report import Report, Status


def exit_code(report: Report, limit: RejectedLimit | None, signal_number: int | None) -> int:
    """Gives the exit code: a signal tells first, then failures, refusals, and rejections."""
    if report.status is Status.CANCELLED and signal_number is not None:
        return SIGNAL_BASE + signal_number
    if report.status is not Status.FINISHED or report.failed_rows or report.damaged_inputs:
        return FAILED
    if report.all_refused:
        return REFUSED
    account = report.account
    if limit is not None and not limit.allows(account.num_rejected, account.rows_read):
        return TOO_MANY_REJECTED
    return FINISHED
