"""Questions about a network; each is one file, and returns one frozen record."""
