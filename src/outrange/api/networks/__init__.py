"""Questions about several networks, and about the layers of a network."""
