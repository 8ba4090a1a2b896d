"""The public functions; most of them load a model and answer one question about it."""
