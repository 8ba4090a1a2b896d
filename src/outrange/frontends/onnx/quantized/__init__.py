"""Kernels of quantized files, and the slack that they need."""
