"""Answers in plain sentences and tables, for readers without Python."""
