"""Exit statuses of a job's process."""

USER_ERROR = 2
INTERRUPTED = 75  # EX_TEMPFAIL: start it again
BUSY = 76  # another process works in the run folder
