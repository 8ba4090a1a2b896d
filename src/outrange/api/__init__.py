"""The public functions: each loads the model, checks its arguments, and answers one question."""
