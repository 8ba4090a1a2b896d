"""Staircases, one file each: filled into the table of curves on import."""
