"""Registries: which version is the champion."""
