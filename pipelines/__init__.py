"""What makes a job: one frozen config and one composition per job, the run folder, the report."""
