"""How strong is the evidence? Summaries become confidence sequences that hold at any look."""
