"""Reader of `.keras` files as networks in exact numbers."""
