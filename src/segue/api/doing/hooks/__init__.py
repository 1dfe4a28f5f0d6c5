"""Hooks of other programs that the API answers."""
