"""Exact reach sets of piecewise-linear closed loops, as star sets from step to step."""
