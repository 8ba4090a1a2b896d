"""Clauses that differ only in constants, decided together on many boxes."""
