"""Keras layers: channel-wise activations, masked connections, wirings, grouped classes."""
