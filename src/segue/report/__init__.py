"""What happened in a rollout, on one page? Whatever the record says, gathered once, drawn and told."""
