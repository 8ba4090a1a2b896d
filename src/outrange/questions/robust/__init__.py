"""Robustness: certified radii, and accuracy on perturbed data."""
