"""Closed loops of a controller and a plant, bounded at every step for a set of initial states."""
