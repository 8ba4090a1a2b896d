"""Closed loops of a controller and a plant: bounds on the states over time, and proofs."""
