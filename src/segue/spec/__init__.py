"""What was asked: rollouts, variants, stages, metrics, gates, audiences; loading, lint, digest."""
