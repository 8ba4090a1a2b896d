"""`.keras` files as networks in exact numbers."""
