"""Differential verification: two runs of nearly the same network, bounded together."""
