"""Answers as text for a terminal; these modules import only answers and core."""
