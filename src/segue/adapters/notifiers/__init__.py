"""How notices are delivered: one file a way."""
