"""What a compiled model trains on: loss, optimizer, gradients, measured steps."""
