"""Closed loops in continuous time: claims, attacks, proofs by flows, and the answer."""
