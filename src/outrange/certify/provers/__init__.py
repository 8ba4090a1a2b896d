"""Searches for proof trees in float64; the checker proves every tree again."""
