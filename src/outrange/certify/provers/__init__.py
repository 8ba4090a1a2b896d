"""Searches for proof trees in float64. The checker does not rely on this arithmetic."""
