"""Staircases, one file each, registered in the curve table on import."""
