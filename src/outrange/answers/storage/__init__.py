"""Answers in files: JSON that holds every bit, and runs nothing when it is read."""
