"""Proofs that classes are not linearly separable, and the lower bounds of losses they imply."""
