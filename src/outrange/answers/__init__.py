"""Answers: frozen records, each with the warrant that stands behind it."""
