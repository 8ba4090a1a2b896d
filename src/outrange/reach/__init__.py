"""Closed loops: where a plant and its controller can go."""
