"""The public question about many properties."""
