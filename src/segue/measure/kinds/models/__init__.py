"""Kinds that say how good an answer is, by its labels, scores, numbers, lists and texts, and by whom it is about."""
