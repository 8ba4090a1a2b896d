"""Branch and bound over the input set, best first."""
