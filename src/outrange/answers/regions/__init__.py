"""Regions of a pre-image: polytopes, slabs, and the location of points in them."""
