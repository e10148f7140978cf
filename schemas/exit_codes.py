"""The exit codes of the command."""

FINISHED = 0
FAILED = 1
USAGE = 2
TOO_MANY_REJECTED = 3
REFUSED = 4
SIGNAL_BASE = 128  # 130 after SIGINT, 143 after SIGTERM
