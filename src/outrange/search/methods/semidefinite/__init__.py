"""Semidefinite relaxations: units of a layer are bounded together, by products of known forms."""
