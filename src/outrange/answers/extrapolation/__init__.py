"""The answer about rows outside a training set."""
