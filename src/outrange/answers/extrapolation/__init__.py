"""The answer of `outrange.extrapolation`, about rows that lie outside a training set."""
