"""What measuring costs: made histories, ticks and cold starts, and the peers."""
