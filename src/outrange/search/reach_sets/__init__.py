"""The image of an input set: cells on which a network is affine, and enclosures on other cells."""
