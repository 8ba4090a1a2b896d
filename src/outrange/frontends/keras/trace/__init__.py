"""Runs a Keras model once on symbols and records what it does."""
