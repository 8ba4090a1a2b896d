"""Searches for proved bounds and counterexamples: branch and bound, solvers, attacks."""
