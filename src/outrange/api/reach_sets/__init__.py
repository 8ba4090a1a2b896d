"""Public questions about reach sets of networks and closed loops."""
