"""Bounds of partial derivatives: monotonicity and Lipschitz constants."""
