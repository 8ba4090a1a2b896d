"""Falsification: projected gradient descent from many points."""
