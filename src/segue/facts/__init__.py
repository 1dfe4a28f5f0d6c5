"""What happened: predictions, outcomes, allocations, summaries, evidence, decisions; and the one codec for them."""
