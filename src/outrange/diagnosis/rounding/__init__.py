"""Bounds on the rounding errors of the backend."""
