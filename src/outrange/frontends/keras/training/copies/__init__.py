"""Trainable copies of a model: values under JAX, else a clone, or the model itself, restored."""
