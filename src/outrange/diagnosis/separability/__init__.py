"""Proofs that classes are not linearly separable, and the lower bounds on losses they imply."""
