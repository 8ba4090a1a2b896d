"""The box kernel: branch and bound over small boxes in C, and the layer program it reads."""
