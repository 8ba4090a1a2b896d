"""Semidefinite relaxations: units of a layer bounded together, by products of what is known."""
