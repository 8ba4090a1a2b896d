"""Regions of a pre-image: polytopes, slabs, and which of them holds a point."""
