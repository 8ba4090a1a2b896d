"""Answers about the deployed float32 network, with its sums evaluated in any order."""
