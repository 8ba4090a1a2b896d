"""Linear bounds of many boxes at once: array engine, alpha-CROWN ascent, branching score."""
