"""Stores: where the state of rollouts rests."""
