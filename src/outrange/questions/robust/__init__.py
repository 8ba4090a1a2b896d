"""Robustness questions: certified radii, and accuracy on perturbed data."""
