"""Incomplete verification of very wide graphs, without splits."""
