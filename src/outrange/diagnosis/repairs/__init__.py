"""Parses the fixes of findings into changes, applies them to a copy, and trains it."""
