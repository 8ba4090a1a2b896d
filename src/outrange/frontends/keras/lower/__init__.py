"""Lowering of recorded Keras operations to a graph."""
