"""The public question about many properties at once."""
