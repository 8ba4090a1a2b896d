"""Comparison of all combinations of activation, loss and optimizer by training them."""
