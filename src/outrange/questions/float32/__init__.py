"""Answers about the float32 network that is deployed, in any order of its sums."""
