"""`outrange-vnnlib`: the solver command line prescribed by the VNN-LIB standard 2.0."""
