"""The public functions: each reads the model, checks arguments, and asks a question."""
