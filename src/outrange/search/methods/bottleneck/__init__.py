"""Decisions through a few inner values, which all inputs act through."""
