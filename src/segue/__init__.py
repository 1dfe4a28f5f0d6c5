"""Segue moves production traffic from one ML model version to the next, and only when the evidence says so."""

__version__ = "0.1.0"
