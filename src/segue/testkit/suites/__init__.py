"""What a store promises beside rollouts: suites that every store has to pass."""
