"""Front-ends: readers of models from several frameworks, of functions, and of VNN-LIB files."""
