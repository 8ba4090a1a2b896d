"""Training of a compiled model: loss, optimizer, gradients, measured steps."""
