"""Decisions about networks whose inputs all act through a few inner values."""
