"""Separate searches of the parts of a network on which different objectives depend."""
