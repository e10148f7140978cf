"""What makes a job: one frozen config and one composition per job, the run folder, the report."""

import transforms  # noqa: F401  # its settings of libraries come before any library is imported
