"""Engines that bound many boxes: linear and second-order forms, ascent, and branching scores."""
