"""The alpha-beta ascent on PyTorch tensors."""
