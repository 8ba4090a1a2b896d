"""Trainable copies of a model: its values under JAX, otherwise a clone or the model itself."""
