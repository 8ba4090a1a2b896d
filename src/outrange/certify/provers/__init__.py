"""Searches for proof trees, in float64: what they write, the checker proves anew."""
