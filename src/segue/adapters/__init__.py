"""One file a vendor: each does what a port asks, with somebody else's library."""
