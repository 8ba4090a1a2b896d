"""Keras layers and losses: channel-wise activations, masks, wirings, and grouped classes."""
