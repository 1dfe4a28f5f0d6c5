"""The serving layer: HTTP in, variants out, shadows beside, the champion when in doubt, everything recorded."""
