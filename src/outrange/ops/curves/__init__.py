"""One file an elementwise function: its facts, and nothing else."""
