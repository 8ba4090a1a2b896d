"""Closed loops of a controller and a plant: bounds on the states at every step."""
