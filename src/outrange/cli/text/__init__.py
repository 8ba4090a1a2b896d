"""Answers as text for a terminal; imports only answers and core."""
