"""What would a metric be, while the outcomes are not there? Estimates that may warn, and can never promote."""
