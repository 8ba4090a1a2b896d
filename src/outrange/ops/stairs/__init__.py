"""Staircases, one file each, entered into the curve table on import."""
