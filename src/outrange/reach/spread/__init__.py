"""Pieces of an initial set over workers."""
