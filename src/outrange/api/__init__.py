"""Public functions: each reads the model, checks its arguments, and runs a question."""
