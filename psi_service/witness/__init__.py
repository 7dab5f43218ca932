"""An independent witness (c2sp.org/tlog-witness): cosigns the logs that it is told to watch, and runs no sessions."""
