"""Training: chances at the start, advice, comparisons, and a monitor."""
