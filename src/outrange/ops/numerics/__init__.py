"""Numerical helpers of the ops: roots, sliding windows, scattered sums."""
