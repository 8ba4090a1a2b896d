"""Attacks on networks with jumps, which pass no gradient."""
