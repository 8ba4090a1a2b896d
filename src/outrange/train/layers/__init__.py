"""Keras layers: activations per channel, masked connections, wirings, grouped classes."""
