"""Who runs the SQL over the lake: one file an engine."""
