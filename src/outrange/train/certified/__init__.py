"""Certified training: interval bounds of Keras models, and losses that use them."""
