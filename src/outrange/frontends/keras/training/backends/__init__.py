"""Training steps in each backend."""
