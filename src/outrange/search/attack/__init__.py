"""Falsification: projected gradient descent, hill climbing, and attacks on networks with jumps."""
