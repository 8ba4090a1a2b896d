"""Properties of an expression of one variable, proved piece by piece: bends, turns, gaps."""
