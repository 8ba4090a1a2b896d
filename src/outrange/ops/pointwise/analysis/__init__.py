"""Facts of a one-variable expression, proved piece by piece: bends, turns, gaps."""
