"""The answer of `outrange.repair`, with records of changes and of agreement with the original."""
