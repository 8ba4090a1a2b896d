"""Proofs that no linear unit separates the classes of some rows, and floors of losses from them."""
