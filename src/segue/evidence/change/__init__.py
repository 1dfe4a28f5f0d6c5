"""Has the concept changed? Detectors over the losses of single predictions, in the order of their time."""
