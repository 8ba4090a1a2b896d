"""Trains copies with and without a proved fault and compares them on held-out rows."""
