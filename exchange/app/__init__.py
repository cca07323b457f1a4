"""Composition: the only place that chooses implementations."""
