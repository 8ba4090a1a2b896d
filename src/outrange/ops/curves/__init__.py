"""One file for each elementwise function, with its facts and nothing else."""
