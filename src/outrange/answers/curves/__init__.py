"""Answers along a parameter: one answer per radius."""
