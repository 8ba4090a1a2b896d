"""Where a plant in a loop with its controller can go, in continuous time."""
