"""Semidefinite relaxations: the units of a box are bounded together, by products of two forms."""
