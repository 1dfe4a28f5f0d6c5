"""One measurement: which hours, which files, which statements in which order."""
