"""Implementation of the commands of `outrange`."""
