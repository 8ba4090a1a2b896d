"""Helpers that the modules of `questions` share: argument checks, entry names, and targets."""
