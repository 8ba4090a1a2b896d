"""The alpha-beta ascent on PyTorch arrays."""
