"""Distribution of the pieces of an initial set to workers or threads."""
