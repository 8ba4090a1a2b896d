"""Rewrites of a graph into another that computes the same function."""
