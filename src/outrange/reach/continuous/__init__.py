"""Verification of closed loops in continuous time: claims, attacks, proofs, and answers."""
