"""Answers in plain sentences and tables, for a reader without Python."""
