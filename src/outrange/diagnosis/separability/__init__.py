"""Proofs that classes are not linearly separable, and lower bounds of losses from them."""
