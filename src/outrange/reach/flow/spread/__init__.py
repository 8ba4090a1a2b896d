"""Distribution of the computation of flowpipes over workers or threads."""
