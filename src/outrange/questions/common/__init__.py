"""Helpers that the modules of `questions` share, such as argument checks and entry names."""
