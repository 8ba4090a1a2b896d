"""Elementwise functions: one file each, with the function's code and properties only."""
