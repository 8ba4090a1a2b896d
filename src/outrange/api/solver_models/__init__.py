"""Public functions whose results other solvers read."""
