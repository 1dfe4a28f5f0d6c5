"""What `make bench-rollout` measures."""
