"""Linear bounds over many boxes: the array engine, alpha-CROWN ascent, and the branching score."""
