"""Closed loops: a controller and a plant, step after step, for every initial state of a set."""
