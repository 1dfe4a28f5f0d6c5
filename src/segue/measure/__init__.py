"""The metric catalogue: the SQL of addable summaries, and what a summary says."""
