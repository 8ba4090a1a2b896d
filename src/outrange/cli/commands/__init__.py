"""Implementation of the commands, one file each."""
