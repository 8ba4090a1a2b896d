"""Answers in plain sentences and tables, for readers who do not use Python."""
