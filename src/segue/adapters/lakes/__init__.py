"""Where predictions and outcomes rest for good: one file a kind of storage."""
