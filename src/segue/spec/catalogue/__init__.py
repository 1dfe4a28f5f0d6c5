"""The kinds of metric that a spec may name, one entry a kind, one file for each half of the catalogue."""
