"""Regions of a preimage: polytopes, slabs, and the location of points in these regions."""
