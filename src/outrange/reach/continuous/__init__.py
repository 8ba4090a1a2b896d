"""Verification of closed loops in continuous time: claims, attacks, flowpipe proofs, answers."""
