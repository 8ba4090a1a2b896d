"""The answer of `outrange.repair`, with its records of changes and agreement."""
