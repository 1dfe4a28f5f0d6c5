"""Who decides: Segue, and its peers."""
