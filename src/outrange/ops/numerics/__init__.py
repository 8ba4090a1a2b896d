"""Numerical helpers of the ops: balls, Taylor series, roots, sliding windows, scattered sums."""
