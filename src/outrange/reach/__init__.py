"""Closed loops: a controller and a plant, step by step, for every initial state of a set."""
