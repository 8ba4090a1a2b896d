"""Keras callbacks that ask questions about the model in training."""
