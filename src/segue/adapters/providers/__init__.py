"""Who carries the traffic: one file a kind."""
