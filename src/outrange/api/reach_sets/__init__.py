"""Public functions that compute reach sets of networks and closed loops."""
