"""Answers about the deployed float32 network, in any order of its sums."""
