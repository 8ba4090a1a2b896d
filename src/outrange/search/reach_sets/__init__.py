"""The image of an input set: cells on which a network is affine, and enclosures of the rest."""
