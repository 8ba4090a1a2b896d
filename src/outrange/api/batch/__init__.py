"""The public question `verify_all`, about many properties."""
