"""Training steps and gradients, implemented separately for TensorFlow, JAX and PyTorch."""
