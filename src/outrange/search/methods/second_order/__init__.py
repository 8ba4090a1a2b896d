"""Second-order forms of products and smooth curves, as a refinement of the array engine."""
