"""Closed loops in continuous time: what was asked, attacks, proofs by flows, and the answer."""
