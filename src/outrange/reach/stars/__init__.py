"""Exact reach sets of piecewise-linear closed loops, as unions of star sets after each step."""
