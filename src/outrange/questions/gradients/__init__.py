"""Monotonicity, partial derivatives, and Lipschitz constants."""
