"""Closed loops of a controller and a plant: bounds of the states at every step."""
