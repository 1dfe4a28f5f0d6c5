"""Kinds that say how a variant serves, what its answers lead to, and whether two variants say the same."""
