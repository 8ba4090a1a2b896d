"""Properties as disjunctions of conjunctions of inequalities, grouped for the search."""
