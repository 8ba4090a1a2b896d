"""Searches for proof trees in float64, whose arithmetic the checker does not trust."""
