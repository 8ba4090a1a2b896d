"""Questions about a network, one module each; every question returns one frozen record."""
