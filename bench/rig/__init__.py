"""What the benchmarks measure with: processes, peers, load."""
