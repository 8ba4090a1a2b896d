"""Bounds on float32 networks, on parts of a box where rounding is smaller."""
