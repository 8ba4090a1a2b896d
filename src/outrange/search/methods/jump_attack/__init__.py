"""Attacks on networks with jumps, through which no gradient passes."""
