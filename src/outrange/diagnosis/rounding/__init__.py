"""What the rounding of the backend leaves of bounds."""
