"""Questions about a network; each is one file that returns one frozen record."""
