"""Where one way to search gives way to another."""

MANY_INPUTS = 12
"""With more free inputs than this, splitting inputs alone is hopeless: other ways are tried too."""
