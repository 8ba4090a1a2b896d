"""`outrange-vnnlib`: the command line that the VNN-LIB standard 2.0 prescribes for solvers."""
