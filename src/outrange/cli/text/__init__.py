"""Answers as text for a terminal. Sees answers and core only."""
