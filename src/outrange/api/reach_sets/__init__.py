"""Public questions about reach sets: of a network, and of a closed loop."""
