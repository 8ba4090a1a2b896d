"""Bounds on partial derivatives: monotonicity and Lipschitz constants."""
