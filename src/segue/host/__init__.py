"""Serves registered model versions over the Open Inference Protocol v2, one process a version, and follows the aliases."""
