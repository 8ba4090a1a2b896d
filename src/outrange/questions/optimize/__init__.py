"""Minimization of an expression over an input set, under conditions."""
