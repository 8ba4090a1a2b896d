"""Trains every combination of activation, loss and optimizer, and keeps what was measured."""
