"""Layers whose outputs satisfy a rule for all weights."""
