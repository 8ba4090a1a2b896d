"""Monotonicity, partial derivatives, Lipschitz constants."""
