"""Closed loops of straight pieces: their reach sets, exactly, as star sets from step to step."""
